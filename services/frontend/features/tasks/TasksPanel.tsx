"use client";
// The tasks panel: form, filter, list and status.
import { useState } from "react";
import type { Status, Task } from "@/lib/api";
import { FilterBar } from "./FilterBar";
import { Empty, Failed, Loading } from "./ListState";
import { NewTask } from "./NewTask";
import { Notice } from "./Notice";
import { addressOf } from "./status";
import { only } from "./state";
import { TaskList } from "./TaskList";
import { Undo } from "./Undo";
import { useTasks } from "./useTasks";

interface Props {
  startWith: Status;
  /** Changes when the assistant may have changed tasks. */
  revision?: number;
}

export function TasksPanel({ startWith, revision = 0 }: Props) {
  const { phase, problem, tasks, add, change, remove, restore, dismiss } = useTasks(revision);
  const [status, setStatus] = useState(startWith);
  const [said, setSaid] = useState("");
  const [deleted, setDeleted] = useState<Task | null>(null);
  const listed = only(tasks, status);
  const done = only(tasks, "done").length;

  function show(next: Status) {
    setStatus(next);
    // Stored in the URL, so that a reload or a bookmark shows the same tasks.
    window.history.replaceState(null, "", addressOf(next));
  }

  async function saying(task: Task, what: string, saving: Promise<boolean>) {
    const saved = await saving;
    if (saved) setSaid(`“${task.title}” ${what}`);
    return saved;
  }

  async function removing(task: Task) {
    if (await saying(task, "is deleted", remove(task))) setDeleted(task);
  }

  function list() {
    if (phase === "loading") return <Loading />;
    if (phase === "failed" && problem) return <Failed problem={problem} />;
    if (listed.length === 0) return <Empty status={status} any={tasks.length > 0} />;
    return (
      <TaskList
        tasks={listed}
        onToggle={(task) =>
          void saying(task, task.completed ? "is open again" : "is done", change(task, { completed: !task.completed }))
        }
        onRename={(task, title) => void saying(task, "is changed", change(task, { title }))}
        onRemove={(task) => void removing(task)}
        staysListed={status === "all"}
      />
    );
  }

  return (
    <section aria-labelledby="tasks" className="flex flex-col gap-5">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        <h1 id="tasks" tabIndex={-1} className="text-3xl font-bold tracking-tight outline-none">
          Tasks
        </h1>
        {phase === "ready" && tasks.length > 0 && (
          <p className="text-muted tabular-nums">
            {done} of {tasks.length} done
          </p>
        )}
      </div>
      <NewTask
        onAdd={async (title) => {
          if (status === "done") show("all");
          const saved = await add(title);
          if (saved) setSaid(`“${title}” is added`);
          return saved;
        }}
      />
      {phase === "ready" && problem && <Notice problem={problem} onDismiss={dismiss} />}
      {deleted && (
        <Undo
          task={deleted}
          onUndo={() => {
            setDeleted(null);
            void saying(deleted, "is restored", restore(deleted));
          }}
          onDismiss={() => setDeleted(null)}
        />
      )}
      <FilterBar status={status} tasks={tasks} counted={phase === "ready"} onChange={show} />
      {list()}
      <p role="status" className="sr-only">
        {said}
      </p>
    </section>
  );
}
