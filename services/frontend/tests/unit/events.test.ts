// Tests the parser of server-sent events with all kinds of chunk boundaries.
import { expect, it } from "vitest";
import { serverEvents, type ServerEvent } from "@/features/chat/events";

async function read(...pieces: (string | Uint8Array)[]): Promise<ServerEvent[]> {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(typeof piece === "string" ? encoder.encode(piece) : piece);
      controller.close();
    },
  });
  const found = [];
  for await (const event of serverEvents(body)) found.push(event);
  return found;
}

const HELLO = { event: "delta", data: '{"text":"Hä"}' };

it("reads events, comments and several lines of data", async () => {
  const text = ': ping\n\nevent: delta\ndata: {"text":"Hä"}\n\ndata: a\ndata:b\nid: 7\n\nevent: nothing\n\n';
  expect(await read(text)).toEqual([HELLO, { event: "message", data: "a\nb" }]);
});

it.each(["\n", "\r\n", "\r"])("reads them cut anywhere, with lines that end in %j", async (end) => {
  const bytes = new TextEncoder().encode(`event: delta\ndata: {"text":"Hä"}\n\nevent: done\ndata: {}\n\n`.replaceAll("\n", end) + end);
  for (let at = 1; at < bytes.length; at += 1) {
    expect(await read(bytes.slice(0, at), bytes.slice(at))).toEqual([HELLO, { event: "done", data: "{}" }]);
  }
});

it("gives nothing of an event that was cut off", async () => {
  expect(await read('event: delta\ndata: {"te')).toEqual([]);
});
