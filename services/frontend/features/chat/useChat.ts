// The conversation with the assistant: loads the history, sends one message at a time, stops an answer.
import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import { ApiError, failed } from "@/lib/api";
import { type AppConfig, chatApi } from "./client";
import { initial, reduce } from "./state";

function why(error: unknown): string {
  return error instanceof ApiError ? error.message : failed(error).message;
}

export function useChat(onTasksTouched: () => void) {
  const [state, dispatch] = useReducer(reduce, initial);
  const [config, setConfig] = useState<AppConfig | null>(null);
  const underWay = useRef<AbortController | null>(null);
  const asked = useRef(0);

  useEffect(() => {
    let left = false;
    chatApi.history().then(
      (past) => !left && dispatch({ type: "loaded", past }),
      (error: unknown) => !left && dispatch({ type: "not loaded", problem: `The conversation could not be loaded. ${why(error)}` }),
    );
    // The history is optional: the page works without it.
    chatApi.config().then((found) => !left && setConfig(found), () => undefined);
    return () => {
      left = true;
      underWay.current?.abort();
    };
  }, []);

  /** Resolves to false if the message could not be sent. */
  const ask = useCallback(
    async (text: string): Promise<boolean> => {
      const controller = new AbortController();
      underWay.current = controller;
      dispatch({ type: "asked", key: `asked-${(asked.current += 1)}`, text });
      let begun = false;
      try {
        for await (const event of chatApi.send(text, state.conversation, controller.signal)) {
          begun = true;
          dispatch({ type: "event", event });
          if (event.event === "tool_result") onTasksTouched();
        }
      } catch (error) {
        const stopped = controller.signal.aborted;
        if (!begun && !stopped) {
          dispatch({ type: "unsent", problem: why(error) });
          return false;
        }
        dispatch({ type: "ended", end: stopped ? "stopped" : "failed", problem: stopped ? null : why(error) });
        // Pending tool calls may have been executed although no result arrived.
        onTasksTouched();
      } finally {
        if (underWay.current === controller) underWay.current = null;
      }
      return true;
    },
    [state.conversation, onTasksTouched],
  );

  const stop = useCallback(() => underWay.current?.abort(), []);

  const clear = useCallback(async () => {
    try {
      await chatApi.clear();
      dispatch({ type: "cleared" });
    } catch (error) {
      dispatch({ type: "refused", problem: `The conversation could not be cleared. ${why(error)}` });
    }
  }, []);

  return { ...state, config, ask, stop, clear };
}
