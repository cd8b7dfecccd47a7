// The user's tasks: loads them, shows changes immediately and reverts them if the server rejects them.
import { useCallback, useEffect, useMemo, useReducer, useRef } from "react";
import { ApiError, type Task, type TaskFields, tasksApi } from "@/lib/api";
import { type Change, type Problem, initial, reduce, shown } from "./state";
import { Turns } from "./turns";

type NewChange = Change extends infer C ? (C extends Change ? Omit<C, "key"> : never) : never;

function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, "error", "Something went wrong; try again.");
}

/** Reloads when `revision` changes. */
export function useTasks(revision: number) {
  const [state, dispatch] = useReducer(reduce, initial);
  const turns = useRef(new Turns());
  const keys = useRef(0);
  const settled = useRef(0);

  const load = useCallback(async function again(): Promise<void> {
    try {
      for (;;) {
        const before = settled.current;
        const tasks = await tasksApi.list();
        // A list that was sent before a change was confirmed is out of date.
        if (before === settled.current) return dispatch({ type: "loaded", tasks });
      }
    } catch (error) {
      const retry = () => {
        dispatch({ type: "loading" });
        void again();
      };
      const what = "The tasks could not be loaded";
      dispatch({ type: "not loaded", problem: { what, error: asApiError(error), retry } });
    }
  }, []);

  useEffect(() => void load(), [load, revision]);

  useEffect(() => {
    // Another tab, another device or the chat may have changed the list.
    const back = () => {
      if (document.visibilityState === "visible") void load();
    };
    document.addEventListener("visibilitychange", back);
    return () => document.removeEventListener("visibilitychange", back);
  }, [load]);

  const run = useCallback(
    async function again(fresh: NewChange, what: string, call: () => Promise<Task | null>): Promise<boolean> {
      const change = { ...fresh, key: (keys.current += 1) } as Change;
      dispatch({ type: "begun", change });
      try {
        const task = await turns.current.take(change.id, call);
        settled.current += 1;
        dispatch({ type: "confirmed", change, task });
        return true;
      } catch (error) {
        settled.current += 1;
        const problem: Problem = {
          what,
          error: asApiError(error),
          retry: fresh.kind === "add" ? null : () => void again(fresh, what, call),
        };
        dispatch({ type: "undone", change, problem });
        if (problem.error.status === 404) void load();
        return false;
      }
    },
    [load],
  );

  const adding = useCallback(
    (title: string, what: string, call: () => Promise<Task>) => {
      // Negative: the server never assigns such a number.
      const id = -(keys.current + 1);
      return run({ kind: "add", id, title }, what, call);
    },
    [run],
  );

  const add = useCallback(
    (title: string) => adding(title, `“${title}” could not be added`, () => tasksApi.add(title)),
    [adding],
  );

  /** Adds a task that was deleted, with a new number. */
  const restore = useCallback(
    ({ title, description, completed }: Task) =>
      adding(title, `“${title}” could not be restored`, async () => {
        const task = await tasksApi.add(title, description);
        return completed ? tasksApi.change(task.id, { completed }) : task;
      }),
    [adding],
  );

  const change = useCallback(
    ({ id, title }: Task, fields: TaskFields) =>
      run({ kind: "edit", id, fields }, `“${title}” could not be changed`, () => tasksApi.change(id, fields)),
    [run],
  );

  const remove = useCallback(
    ({ id, title }: Task) =>
      run({ kind: "remove", id, title }, `“${title}” could not be deleted`, async () => {
        try {
          await tasksApi.remove(id);
        } catch (error) {
          // The task is already deleted, which is the desired result.
          if (!(error instanceof ApiError && error.status === 404)) throw error;
        }
        return null;
      }),
    [run],
  );

  const dismiss = useCallback(() => dispatch({ type: "dismissed" }), []);
  const tasks = useMemo(() => shown(state), [state]);
  return { phase: state.phase, problem: state.problem, tasks, add, change, remove, restore, dismiss };
}
