// Shown while there is no list.
import { Icon } from "@/components/Icon";
import type { Status } from "@/lib/api";
import { focusHeading } from "./focus";
import type { Problem } from "./state";

const WIDTHS = ["w-3/5", "w-2/5", "w-1/2"];

export function Loading() {
  return (
    <div role="status" className="panel divide-y divide-line">
      <span className="sr-only">Loading the tasks</span>
      {WIDTHS.map((width) => (
        <div key={width} className="flex h-12 items-center gap-3 px-4 motion-safe:animate-pulse">
          <span className="size-5 rounded-full bg-sunken" />
          <span className={`h-3.5 rounded-full bg-sunken ${width}`} />
        </div>
      ))}
    </div>
  );
}

export function Failed({ problem }: { problem: Problem }) {
  const { what, error, retry } = problem;

  function tryAgain() {
    focusHeading();
    retry?.();
  }

  return (
    <div role="alert" className="panel flex flex-col items-center gap-2 px-6 py-12 text-center">
      <Icon name="warning" className="size-9 text-danger" />
      <p className="mt-1 text-lg font-semibold">{what}</p>
      <p className="text-muted">{error.message}</p>
      {error.requestId && <p className="text-sm wrap-anywhere text-muted">Request {error.requestId}</p>}
      <button type="button" className="button-primary mt-3" onClick={tryAgain}>
        Try again
      </button>
    </div>
  );
}

const NONE: Record<Status, [string, string]> = {
  all: ["Nothing to do yet", "Write down the first thing above."],
  open: ["All done", "Nothing is open. Enjoy the quiet."],
  done: ["Nothing done yet", "Completed tasks appear here."],
};

export function Empty({ status, any }: { status: Status; any: boolean }) {
  const [what, hint] = NONE[any ? status : "all"];
  return (
    <div className="flex flex-col items-center gap-1 rounded-2xl border border-dashed border-edge/50 px-6 py-14 text-center">
      <span className="mb-3 grid size-14 place-items-center rounded-2xl bg-accent-soft text-accent">
        <Icon name={any && status === "open" ? "check" : "list"} className="size-7" />
      </span>
      <p className="text-lg font-semibold">{what}</p>
      <p className="text-muted">{hint}</p>
    </div>
  );
}
