// Offers to restore the task that was deleted last.
import { Icon } from "@/components/Icon";
import type { Task } from "@/lib/api";
import { leaving } from "./focus";

interface Props {
  task: Task;
  onUndo: () => void;
  onDismiss: () => void;
}

export function Undo({ task, onUndo, onDismiss }: Props) {
  return (
    <div className="panel flex animate-appear items-center gap-2 p-2 pl-4">
      <p className="min-w-0 flex-1 wrap-anywhere">“{task.title}” is deleted.</p>
      <button type="button" className="button-quiet h-10 px-3 text-sm text-accent" onClick={() => leaving(onUndo)}>
        Undo
      </button>
      <button type="button" className="button-icon" aria-label="Dismiss" onClick={() => leaving(onDismiss)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
