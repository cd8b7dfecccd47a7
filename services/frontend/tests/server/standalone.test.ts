// Tests the server as the image runs it (`npm run build`): one build, several environments.
import { once } from "node:events";
import { Agent, get } from "node:http";
import { afterEach, expect, it } from "vitest";
import { endAll, start } from "./start";

afterEach(endAll);

async function page(url: string): Promise<{ html: string; headers: Headers }> {
  const answer = await fetch(url);
  return { html: await answer.text(), headers: answer.headers };
}

it.each([
  ["Groceries of the house", { NEXT_PUBLIC_APP_TITLE: "Groceries of the house" }],
  ["A &amp; B", { NEXT_PUBLIC_APP_TITLE: "A & B" }],
  ["Todo Chatbot", {}],
])("shows the title %s, which this build did not know", async (title, env) => {
  const { html } = await page((await start(env)).url);
  expect(html).toContain(`<title>${title}</title>`);
  expect(html).toMatch(new RegExp(`<header.*${title}.*</header>`));
}, 90_000);

it("lets no script run but its own", async () => {
  const { html, headers } = await page((await start({})).url);
  const nonce = /'nonce-([^']+)'/.exec(headers.get("content-security-policy") ?? "")?.[1];
  expect(nonce).toBeTruthy();
  const scripts = html.match(/<script\b[^>]*>/g) ?? [];
  expect(scripts.length).toBeGreaterThan(0);
  expect(scripts.filter((script) => !script.includes(`nonce="${nonce}"`))).toEqual([]);
  // The SVG namespace is a name, not a URL to load.
  expect(html.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\//);
}, 90_000);

it("lives without a backend, and says so in the shape of the API", async () => {
  const { url, log } = await start({ NEXT_PUBLIC_API_URL: "http://127.0.0.1:1" });
  for (const path of ["/healthz", "/readyz"]) expect((await fetch(`${url}${path}`)).status).toBe(200);
  const answer = await fetch(`${url}/api/tasks`, { headers: { "X-Request-ID": "abc" } });
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({ error: { code: "backend_unavailable" }, request_id: "abc" });
  expect(log()).toContain('"request_id":"abc"');
}, 90_000);

// Once while idle and once during a response.
it.each(["end", "response"])("ends soon on SIGTERM after `%s`, also while connections are kept open", async (event) => {
  const { url, server } = await start({ KEEP_ALIVE_TIMEOUT: "120000" });
  const agent = new Agent({ keepAlive: true });
  const path = event === "end" ? "/healthz" : "/log-in";
  await new Promise((resolve) => {
    const request = get(`${url}${path}`, { agent }, (answer) => answer.resume().on("end", resolve));
    if (event === "response") request.on("response", resolve);
  });
  const ended = once(server, "exit");
  server.kill("SIGTERM");
  // The connection stays open longer than the test may take, so the server must close it.
  await ended;
  agent.destroy();
}, 90_000);
