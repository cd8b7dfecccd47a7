// Inline SVG icons, so that no file is loaded.

const PATHS = {
  plus: "M12 5v14M5 12h14",
  check: "m5 12.5 4.5 4.5L19 7.5",
  pencil: "M4 20h4L19.5 8.5a2.1 2.1 0 0 0-3-3L5 17v3ZM14 8l3 3",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 11v5M13.5 11v5",
  close: "M6 6l12 12M18 6 6 18",
  send: "M4 12 20 4l-5 16-3.5-6.5L4 12ZM11.5 13.5 20 4",
  stop: "M7 7h10v10H7V7Z",
  chat: "M4.5 5.5h15v11h-8L7 20v-3.5H4.5v-11ZM8.5 9.5h7M8.5 12.5h4.5",
  tool: "M14.5 6.5a3.7 3.7 0 0 0 4.8 4.8L12 18.6a2.3 2.3 0 0 1-3.3 0 2.3 2.3 0 0 1 0-3.3l5.8-8.8Z",
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
      // The default size: an SVG without a size fills all available space.
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
