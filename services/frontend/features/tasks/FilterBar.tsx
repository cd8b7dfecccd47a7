// Selects which tasks are listed and shows the count of each kind.
import type { Status } from "@/lib/api";
import { only, type ShownTask } from "./state";
import { STATUSES } from "./status";

interface Props {
  status: Status;
  tasks: ShownTask[];
  /** Whether the counts are known. */
  counted: boolean;
  onChange: (status: Status) => void;
}

export function FilterBar({ status, tasks, counted, onChange }: Props) {
  return (
    <div role="group" aria-label="Show" className="flex gap-1 self-start rounded-xl bg-sunken p-1">
      {STATUSES.map(({ value, label }) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === status}
          onClick={() => onChange(value)}
          className="inline-flex h-9 items-center gap-1.5 rounded-lg px-3 text-sm font-medium text-muted transition-colors hover:text-ink aria-pressed:bg-raised aria-pressed:text-ink aria-pressed:shadow-xs"
        >
          {label}
          {counted && <span className="font-normal tabular-nums">{only(tasks, value).length}</span>}
        </button>
      ))}
    </div>
  );
}
