// An in-memory backend with the same API of tasks and chat (stub-chat.mjs), to develop pages without a cluster.
//
//   node stub-api.mjs [--port 8000] [--slow MILLISECONDS]
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { chat } from "./stub-chat.mjs";

const { values } = parseArgs({
  options: { port: { type: "string", default: "8000" }, slow: { type: "string", default: "0" } },
});

const tasks = new Map();
let last = 0;

class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

async function sent(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString() || "{}");
}

function titled(title) {
  if (typeof title !== "string" || !title.trim()) {
    throw new Refusal(422, "validation_error", "title: a title has at least one character");
  }
  return title.trim();
}

function add(title, description = null) {
  const now = new Date().toISOString();
  const task = { id: last + 1, title: titled(title), description, completed: false, created_at: now, updated_at: now };
  tasks.set((last = task.id), task);
  return task;
}

/** The tasks as the tools of the chat access them. */
const byTools = {
  list: () => tasks.values(),
  add,
  complete: (id) => Object.assign(tasks.get(id), { completed: true }),
  remove: (id) => tasks.delete(id),
};

async function answer(request, url) {
  const [, id] = /^\/api\/tasks(?:\/(\d+))?$/.exec(url.pathname) ?? [];
  const now = new Date().toISOString();
  const route = `${request.method} ${url.pathname.replace(/\d+$/, "ID")}`;
  if (id && !tasks.has(Number(id))) throw new Refusal(404, "not_found", "The task does not exist.");
  switch (route) {
    case "GET /api/tasks": {
      const status = url.searchParams.get("status") ?? "all";
      return [200, [...tasks.values()].filter((task) => status === "all" || task.completed === (status === "done"))];
    }
    case "POST /api/tasks": {
      const { title, description } = await sent(request);
      return [201, add(title, description)];
    }
    case "PATCH /api/tasks/ID": {
      const task = Object.assign(tasks.get(Number(id)), await sent(request), { updated_at: now });
      return [200, task];
    }
    case "DELETE /api/tasks/ID":
      tasks.delete(Number(id));
      return [204];
    default:
      throw new Refusal(404, "not_found", "There is nothing at this address.");
  }
}

const server = createServer(async (request, response) => {
  const id = request.headers["x-request-id"] ?? "stub";
  await new Promise((resolve) => setTimeout(resolve, Number(values.slow)));
  let status, body;
  try {
    const url = new URL(request.url, "http://stub");
    if (await chat(request, response, url, byTools, sent)) return;
    [status, body] = await answer(request, url);
  } catch (error) {
    status = error.status ?? 400;
    body = { error: { code: error.code ?? "bad_request", message: error.message }, request_id: id };
  }
  response.writeHead(status, { "Content-Type": "application/json", "X-Request-ID": id });
  response.end(body === undefined ? undefined : JSON.stringify(body));
});

server.listen(Number(values.port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.on("SIGTERM", () => process.exit(0));
