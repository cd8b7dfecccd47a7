// The state of the conversation: messages and tool calls.
import type { ChatEvent, PastMessage } from "./client";

export interface ToolUse {
  id: string;
  name: string;
  arguments: unknown;
  /** Null while the tool runs; `stopped` if no result will arrive. */
  result: "ok" | "failed" | "stopped" | null;
  text: string;
}

export interface Message {
  key: string;
  role: "user" | "assistant";
  text: string;
  tools: ToolUse[];
  /** How the answer ended; null while it is being written. */
  end: "done" | "stopped" | "failed" | null;
}

export interface State {
  phase: "loading" | "ready" | "answering";
  conversation: string | null;
  messages: Message[];
  /** The last error. */
  problem: string | null;
}

export type Action =
  | { type: "loaded"; past: PastMessage[] }
  | { type: "not loaded"; problem: string }
  | { type: "asked"; key: string; text: string }
  | { type: "event"; event: ChatEvent }
  | { type: "unsent"; problem: string }
  | { type: "ended"; end: "stopped" | "failed"; problem: string | null }
  | { type: "cleared" }
  | { type: "refused"; problem: string };

export const initial: State = { phase: "loading", conversation: null, messages: [], problem: null };

function remembered({ id, role, text, tool_calls }: PastMessage): Message {
  const tools = tool_calls.map(({ name, arguments: given, ok }, index): ToolUse => {
    return { id: String(index), name, arguments: given, result: ok ? "ok" : "failed", text: "" };
  });
  return { key: `past-${id}`, role, text, tools, end: "done" };
}

/** Updates the last message, which is the answer in progress. */
function answering(state: State, change: (message: Message) => Message): State {
  const last = state.messages.at(-1);
  if (!last || last.role !== "assistant" || last.end) return state;
  return { ...state, messages: [...state.messages.slice(0, -1), change(last)] };
}

function finish(state: State, end: "done" | "stopped" | "failed", problem: string | null): State {
  const ended = answering(state, (message) => ({
    ...message,
    end,
    tools: message.tools.map((tool) => ({ ...tool, result: tool.result ?? "stopped" })),
  }));
  return { ...ended, phase: "ready", problem };
}

function happened(state: State, { event, data }: ChatEvent): State {
  switch (event) {
    case "start":
      return { ...state, conversation: data.conversation_id };
    case "delta":
      return answering(state, (message) => ({ ...message, text: message.text + data.text }));
    case "tool_call":
      return answering(state, (message) => {
        const tool: ToolUse = { id: data.id, name: data.name, arguments: data.arguments, result: null, text: "" };
        return { ...message, tools: [...message.tools, tool] };
      });
    case "tool_result":
      return answering(state, (message) => ({
        ...message,
        // A model may reuse an ID in its next round.
        tools: message.tools.map((tool) =>
          tool.id === data.id && tool.result === null ? { ...tool, result: data.ok ? "ok" : "failed", text: data.text } : tool,
        ),
      }));
    case "done":
      return finish(state, "done", null);
    case "error":
      return finish(state, "failed", data.message);
    default:
      // A newer backend may send unknown events.
      return state;
  }
}

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "loaded":
      return { ...state, phase: "ready", messages: action.past.map(remembered), problem: null };
    case "not loaded":
      return { ...state, phase: "ready", problem: action.problem };
    case "asked": {
      const { key, text } = action;
      const question: Message = { key: `${key}-q`, role: "user", text, tools: [], end: "done" };
      const answer: Message = { key: `${key}-a`, role: "assistant", text: "", tools: [], end: null };
      return { ...state, phase: "answering", messages: [...state.messages, question, answer], problem: null };
    }
    case "event":
      return happened(state, action.event);
    case "unsent":
      // The message returns to the input. Another tab may have deleted the conversation.
      return { ...state, phase: "ready", conversation: null, messages: state.messages.slice(0, -2), problem: action.problem };
    case "ended":
      return finish(state, action.end, action.problem);
    case "cleared":
      return { ...initial, phase: "ready" };
    case "refused":
      return { ...state, problem: action.problem };
  }
}
