// The few drawings in use, as parts of the page: nothing to load.

const PATHS = {
  plus: "M12 5v14M5 12h14",
  check: "m5 12.5 4.5 4.5L19 7.5",
  pencil: "M4 20h4L19.5 8.5a2.1 2.1 0 0 0-3-3L5 17v3ZM14 8l3 3",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 11v5M13.5 11v5",
  close: "M6 6l12 12M18 6 6 18",
  warning: "M12 4 2.8 19.5h18.4L12 4ZM12 10v4.5M12 17v.2",
  list: "M9.5 6.5H20M9.5 12H20M9.5 17.5H20M4 6.5l1 1 1.7-2M4 12l1 1 1.7-2M4 17.5l1 1 1.7-2",
} as const;

interface Props {
  name: keyof typeof PATHS;
  className?: string;
}

export function Icon({ name, className = "" }: Props) {
  return (
    <svg
      viewBox="0 0 24 24"
      // The size where no class gives one: a drawing without any fills all the room there is.
      width={20}
      height={20}
      aria-hidden="true"
      className={`shrink-0 fill-none stroke-current stroke-[1.75] ${className}`}
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
