// The list that the server confirmed, and the changes that are pending.
// The screen shows the list with the pending changes applied. A failed change is removed from the pending ones,
// which restores the state exactly, even if other changes are in progress.
import type { ApiError, Status, Task, TaskFields } from "@/lib/api";

export type Change = { key: number; id: number } & (
  | { kind: "add"; title: string }
  | { kind: "edit"; fields: TaskFields }
  | { kind: "remove"; title: string }
);

/** What failed, and why. */
export interface Problem {
  what: string;
  error: ApiError;
  /** Null if there is another way to retry: the text of a new task returns to the form. */
  retry: (() => void) | null;
}

export interface State {
  phase: "loading" | "ready" | "failed";
  confirmed: Task[];
  pending: Change[];
  problem: Problem | null;
}

export type Action =
  | { type: "loading" | "dismissed" }
  | { type: "loaded"; tasks: Task[] }
  | { type: "not loaded"; problem: Problem }
  | { type: "begun"; change: Change }
  | { type: "confirmed"; change: Change; task: Task | null }
  | { type: "undone"; change: Change; problem: Problem };

export const initial: State = { phase: "loading", confirmed: [], pending: [], problem: null };

function without(state: State, change: Change): Change[] {
  return state.pending.filter(({ key }) => key !== change.key);
}

function put(tasks: Task[], task: Task): Task[] {
  const known = tasks.some(({ id }) => id === task.id);
  return known ? tasks.map((old) => (old.id === task.id ? task : old)) : [...tasks, task];
}

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "loading":
      return { ...state, phase: state.phase === "ready" ? "ready" : "loading", problem: null };
    case "loaded":
      return { ...state, phase: "ready", confirmed: action.tasks };
    case "not loaded":
      return { ...state, phase: state.phase === "ready" ? "ready" : "failed", problem: action.problem };
    case "begun":
      return { ...state, pending: [...state.pending, action.change], problem: null };
    case "confirmed": {
      const { change, task } = action;
      const confirmed = task ? put(state.confirmed, task) : state.confirmed.filter(({ id }) => id !== change.id);
      return { ...state, confirmed, pending: without(state, change) };
    }
    case "undone":
      return { ...state, pending: without(state, action.change), problem: action.problem };
    case "dismissed":
      return { ...state, problem: null };
  }
}

/** A task as shown; a task that is not saved yet cannot be changed. */
export interface ShownTask extends Task {
  saved: boolean;
}

function apply(tasks: ShownTask[], change: Change): ShownTask[] {
  switch (change.kind) {
    case "add": {
      const { id, title } = change;
      const blank = { description: null, completed: false, created_at: "", updated_at: "" };
      return [...tasks, { id, title, ...blank, saved: false }];
    }
    case "edit":
      return tasks.map((task) => (task.id === change.id ? { ...task, ...change.fields } : task));
    case "remove":
      return tasks.filter((task) => task.id !== change.id);
  }
}

/** The list as the user expects it, in the order of the server. */
export function shown(state: State): ShownTask[] {
  const saved = state.confirmed.map((task) => ({ ...task, saved: true }));
  return state.pending.reduce(apply, saved);
}

export function only(tasks: ShownTask[], status: Status): ShownTask[] {
  if (status === "all") return tasks;
  return tasks.filter((task) => task.completed === (status === "done"));
}
