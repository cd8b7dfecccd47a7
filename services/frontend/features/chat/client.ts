// The chat endpoints of the API.
import { ApiError, failed, refused, request } from "@/lib/api";
import { fetchAsPerson } from "@/lib/token";
import { serverEvents } from "./events";

export const MESSAGE_LENGTH = 2000;
/** The number of past messages to show. */
const HISTORY = 50;

export interface PastMessage {
  id: string | number;
  role: "user" | "assistant";
  text: string;
  tool_calls: { name: string; arguments: unknown; ok: boolean }[];
  created_at: string;
}

export interface AppConfig {
  accounts: boolean;
  ai: { provider: string; model: string; mock: boolean };
}

export type ChatEvent =
  | { event: "start"; data: { conversation_id: string; mock: boolean } }
  | { event: "tool_call"; data: { id: string; name: string; arguments: unknown } }
  | { event: "tool_result"; data: { id: string; name: string; ok: boolean; text: string } }
  | { event: "delta"; data: { text: string } }
  | { event: "done"; data: { message_id: string | number } }
  | { event: "error"; data: { code: string; message: string } };

async function* send(message: string, conversation: string | null, signal: AbortSignal): AsyncGenerator<ChatEvent> {
  const answer = await fetchAsPerson("/api/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ message, conversation_id: conversation }),
    cache: "no-store",
    signal,
  });
  if (!answer.ok || !answer.body) throw refused(answer.status, await answer.json().catch(() => undefined));
  for await (const { event, data } of serverEvents(answer.body)) {
    yield { event, data: JSON.parse(data) as unknown } as ChatEvent;
    if (event === "done" || event === "error") return;
  }
  throw new ApiError(0, "cut_off", "The answer was cut off; try again.");
}

export const chatApi = {
  /** Ends after `done` or `error`; throws an ApiError for any other failure except an abort by `signal`. */
  send: async function* (message: string, conversation: string | null, signal: AbortSignal): AsyncGenerator<ChatEvent> {
    try {
      yield* send(message, conversation, signal);
    } catch (error) {
      if (signal.aborted || error instanceof ApiError) throw error;
      throw failed(error);
    }
  },
  history: async () => (await request("GET", `/api/chat/messages?limit=${HISTORY}`)) as PastMessage[],
  clear: async () => {
    await request("DELETE", "/api/chat/messages");
  },
  config: async () => (await request("GET", "/api/config")) as AppConfig,
};
