// Reports a change that could not be saved, with the reason and a retry button.
import { Icon } from "@/components/Icon";
import { leaving } from "./focus";
import type { Problem } from "./state";

interface Props {
  problem: Problem;
  onDismiss: () => void;
}

export function Notice({ problem, onDismiss }: Props) {
  const { what, error, retry } = problem;

  return (
    <div role="alert" className="flex animate-appear items-start gap-3 rounded-xl border border-danger/40 bg-danger-soft p-2 pl-4">
      <Icon name="warning" className="mt-2.5 text-danger" />
      <div className="flex min-w-0 flex-1 flex-wrap items-center gap-x-3">
        <div className="min-w-0 flex-1 basis-48 py-2">
          <p className="font-medium wrap-anywhere">{what}</p>
          <p className="text-sm wrap-anywhere">{error.message}</p>
        </div>
        {retry && (
          <button type="button" className="button-quiet h-10 px-3 text-sm text-danger hover:bg-surface" onClick={() => leaving(retry)}>
            Try again
          </button>
        )}
      </div>
      <button type="button" className="button-icon text-ink hover:bg-surface" aria-label="Dismiss" onClick={() => leaving(onDismiss)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
