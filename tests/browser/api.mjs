// Calls the tasks API from inside the page, so that requests take the same path as those of the page.

/** The calls, and all tasks created in this window, so that they can be deleted. */
export function tasksApi(context, page) {
  const made = [];
  context.on("response", (response) => {
    const isNew = response.request().method() === "POST" && response.status() === 201;
    if (isNew && new URL(response.url()).pathname === "/api/tasks") made.push(response.json());
  });

  function call(method, path, body) {
    return page.evaluate(
      async ([method, path, body]) => {
        const headers = { "Content-Type": "application/json" };
        if (document.documentElement.dataset.accounts === "on") {
          const { token } = await (await fetch("/auth/token")).json();
          headers.Authorization = `Bearer ${token}`;
        }
        const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
        const answer = await fetch(path, init);
        return { status: answer.status, text: await answer.text() };
      },
      [method, path, body],
    );
  }

  async function ok(method, path, body) {
    const { status, text } = await call(method, path, body);
    if (status > 299) throw new Error(`${method} ${path} was answered with ${status}: ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  return {
    list: () => ok("GET", "/api/tasks"),
    add: (task) => ok("POST", "/api/tasks", task),
    complete: (id) => ok("PATCH", `/api/tasks/${id}`, { completed: true }),
    /** Everything was deleted with the account. */
    forget: () => made.splice(0),
    removeMade: async () => {
      for (const { id } of await Promise.all(made)) {
        const { status, text } = await call("DELETE", `/api/tasks/${id}`);
        if (status !== 204 && status !== 404) throw new Error(`DELETE /api/tasks/${id}: ${status}: ${text}`);
      }
    },
  };
}
