// The chat of the in-memory backend: understands only the four messages of the specification.

const past = [];
let last = 0;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The effect of a message on the tasks: [tool, arguments, result], and the text of the answer. */
function understand(sentence, tasks) {
  const all = [...tasks.list()];
  const list = ["list_tasks", { status: "all" }, JSON.stringify({ tasks: all })];
  const titled = /^add a task to (.+)$/i.exec(sentence)?.[1];
  if (titled) {
    const task = tasks.add(titled);
    return [[["add_task", { title: titled }, JSON.stringify(task)]], `I added “${titled}”.`];
  }
  if (/^show me all my tasks$/i.test(sentence)) {
    const lines = all.map((task, index) => `${index + 1}. ${task.title}${task.completed ? " (done)" : ""}`);
    return [[list], ["Your tasks:", ...lines].join("\n")];
  }
  const [, verb, which] = /^(mark|delete) the (first|last) task/i.exec(sentence) ?? [];
  const task = which === "first" ? all[0] : all.at(-1);
  if (!task) return [[], "I do not understand that; try: Show me all my tasks"];
  if (verb.toLowerCase() === "delete") tasks.remove(task.id);
  else tasks.complete(task.id);
  const tool = verb.toLowerCase() === "delete" ? "delete_task" : "complete_task";
  return [[list, [tool, { task_id: task.id }, "{}"]], `“${task.title}” is ${tool === "delete_task" ? "deleted" : "done"}.`];
}

async function answer(response, sentence, tasks, slow) {
  const say = async (event, data) => {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    await pause(slow);
  };
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  await say("start", { conversation_id: "00000000-0000-4000-8000-000000000000", mock: true });
  const [calls, text] = understand(sentence.trim().replace(/[.!]$/, ""), tasks);
  for (const [name, given, result] of calls) {
    const id = `call-${(last += 1)}`;
    await say("tool_call", { id, name, arguments: given });
    await say("tool_result", { id, name, ok: true, text: result });
  }
  for (const part of text.split(/(?<= )/)) await say("delta", { text: part });
  const created_at = new Date().toISOString();
  const tool_calls = calls.map(([name, given]) => ({ name, arguments: given, ok: true }));
  past.push({ id: (last += 1), role: "user", text: sentence, tool_calls: [], created_at });
  past.push({ id: (last += 1), role: "assistant", text, tool_calls, created_at });
  await say("done", { message_id: last });
  response.end();
}

/** Handles the requests of the chat; returns false for others. `tasks` can list, add, complete and remove. */
export async function chat(request, response, url, tasks, sent, slow = 15) {
  const json = (status, body) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
    return true;
  };
  switch (`${request.method} ${url.pathname}`) {
    case "GET /api/config":
      return json(200, { accounts: false, ai: { provider: "mock", model: "stub", mock: true } });
    case "GET /api/chat/messages":
      return json(200, past.slice(-Number(url.searchParams.get("limit") ?? 50)));
    case "DELETE /api/chat/messages":
      past.length = 0;
      return json(204);
    case "POST /api/chat":
      await answer(response, (await sent(request)).message, tasks, slow);
      return true;
    default:
      return false;
  }
}
