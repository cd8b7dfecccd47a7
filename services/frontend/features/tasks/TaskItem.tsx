// One task with its state, its title and its buttons.
import { useEffect, useRef, useState } from "react";
import { Icon } from "@/components/Icon";
import type { ShownTask } from "./state";
import { TitleEditor } from "./TitleEditor";

interface Props {
  task: ShownTask;
  onToggle: (element: HTMLElement) => void;
  onRename: (title: string) => void;
  onRemove: (element: HTMLElement) => void;
}

export function TaskItem({ task, onToggle, onRename, onRemove }: Props) {
  const { title, description, completed, saved } = task;
  const [editing, setEditing] = useState(false);
  const entry = useRef<HTMLLIElement>(null);
  const pencil = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    // The server lists a new task last, which may be out of view.
    if (!saved) entry.current?.scrollIntoView?.({ block: "nearest" });
  }, [saved]);

  function close(changed: string | null) {
    setEditing(false);
    if (changed && changed !== title) onRename(changed);
    // The button is in the page again only after this.
    setTimeout(() => pencil.current?.focus());
  }

  if (editing) {
    return (
      <li className="p-2">
        <TitleEditor title={title} onClose={close} />
      </li>
    );
  }
  return (
    <li
      ref={entry}
      aria-busy={!saved}
      className={`group flex items-start gap-1 py-1.5 pr-2 pl-4 transition-colors hover:bg-canvas/60 ${saved ? "" : "animate-appear"}`}
    >
      <label className="flex min-w-0 flex-1 items-start gap-3 py-2">
        <input
          type="checkbox"
          className="checkbox mt-0.5"
          checked={completed}
          disabled={!saved}
          onChange={(event) => onToggle(event.currentTarget)}
        />
        <span className="min-w-0">
          <span className={`wrap-anywhere transition-colors ${completed ? "text-muted line-through" : ""}`}>{title}</span>
          {description && (
            <span className="mt-0.5 block text-sm wrap-anywhere whitespace-pre-line text-muted">{description}</span>
          )}
        </span>
      </label>
      {/* The assistant names tasks by their numbers. */}
      {saved && <span className="py-2 text-sm leading-6 text-muted tabular-nums">#{task.id}</span>}
      <div className="task-actions flex">
        <button
          ref={pencil}
          type="button"
          className="button-icon"
          aria-label={`Edit “${title}”`}
          disabled={!saved}
          onClick={() => setEditing(true)}
        >
          <Icon name="pencil" />
        </button>
        <button
          type="button"
          className="button-icon hover:text-danger"
          aria-label={`Delete “${title}”`}
          disabled={!saved}
          onClick={(event) => onRemove(event.currentTarget)}
        >
          <Icon name="trash" />
        </button>
      </div>
    </li>
  );
}
