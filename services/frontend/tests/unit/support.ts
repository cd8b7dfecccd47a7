// A fake task backend that replaces fetch and rejects requests on demand.
import { vi } from "vitest";
import type { Task } from "@/lib/api";

export function task(id: number, title: string, more: Partial<Task> = {}): Task {
  const at = "2026-01-01T00:00:00Z";
  return { id, title, description: null, completed: false, created_at: at, updated_at: at, ...more };
}

export interface Server {
  tasks: Task[];
  /** "METHOD /path" of every request. */
  asked: string[];
  /** Responses to return instead of the real ones, in order. */
  instead: (Response | Promise<Response>)[];
}

export function refusal(status: number, message: string): Response {
  const body = { error: { code: "refused", message }, request_id: "id-of-the-request" };
  return Response.json(body, { status });
}

/** A response that is sent on demand. */
export function later(): { answer: Promise<Response>; give: (response: Response) => void } {
  let give: (response: Response) => void = () => undefined;
  const answer = new Promise<Response>((resolve) => (give = resolve));
  return { answer, give };
}

export function serve(...tasks: Task[]): Server {
  const server: Server = { tasks, asked: [], instead: [] };
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    server.asked.push(`${init.method} ${path}`);
    const instead = server.instead.shift();
    if (instead) return instead;
    return answer(server, path, init);
  });
  return server;
}

function answer(server: Server, path: string, init: RequestInit): Response {
  const id = Number(/\/(\d+)$/.exec(path)?.[1]);
  const sent = JSON.parse((init.body as string | undefined) ?? "{}") as Partial<Task>;
  switch (init.method) {
    case "POST": {
      const added = task(100 + server.tasks.length, sent.title ?? "", { description: sent.description ?? null });
      server.tasks.push(added);
      return Response.json(added, { status: 201 });
    }
    case "PATCH": {
      server.tasks = server.tasks.map((old) => (old.id === id ? { ...old, ...sent } : old));
      return Response.json(server.tasks.find((old) => old.id === id));
    }
    case "DELETE":
      server.tasks = server.tasks.filter((old) => old.id !== id);
      return new Response(null, { status: 204 });
    default:
      return Response.json(server.tasks);
  }
}
