// A fake chat backend that replaces fetch.
import { vi } from "vitest";

export interface Chat {
  asked: string[];
  say: (event: string, data: unknown) => void;
  cut: () => void;
}

/** A backend whose responses the test defines. */
export function serve({ past = [] as unknown[], mock = true, refuse = 0 } = {}): Chat {
  const encoder = new TextEncoder();
  let stream: ReadableStreamDefaultController<Uint8Array>;
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push(`${init.method ?? "GET"} ${path}${path === "/api/chat" ? ` ${String(init.body)}` : ""}`);
    if (path === "/api/config") return Response.json({ accounts: false, ai: { provider: "mock", model: "m", mock } });
    if (init.method === "DELETE") return new Response(null, { status: 204 });
    if (path.startsWith("/api/chat/messages")) return Response.json(past);
    if (path.startsWith("/api/tasks")) return Response.json([]);
    if (refuse) return Response.json({ error: { code: "rate_limited", message: "Too fast." } }, { status: refuse });
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (stream = controller) });
    init.signal?.addEventListener("abort", () => stream.error(init.signal?.reason));
    return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
  });
  const say = (event: string, data: unknown) =>
    stream.enqueue(encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
  return { asked, say, cut: () => stream.close() };
}
