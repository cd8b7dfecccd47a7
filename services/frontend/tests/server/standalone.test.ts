// The server as the image runs it, made by `npm run build`: one build, several environments.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { Agent, get } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { afterEach, beforeAll, expect, it } from "vitest";

const SERVER = ".next/standalone/server.js";
const started: ChildProcess[] = [];

beforeAll(() => {
  if (!existsSync(SERVER)) throw new Error(`${SERVER} is missing; help: npm run build`);
});

afterEach(() => started.splice(0).forEach((server) => server.kill("SIGKILL")));

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

async function start(env: Record<string, string>): Promise<{ url: string; server: ChildProcess; log: () => string }> {
  const port = await freePort();
  const system = { PATH: process.env.PATH, NODE_ENV: "production" as const, HOSTNAME: "127.0.0.1" };
  const server = spawn(process.execPath, [SERVER], { env: { ...system, PORT: String(port), ...env } });
  started.push(server);
  let log = "";
  server.stdout.on("data", (text) => (log += String(text)));
  server.stderr.on("data", (text) => (log += String(text)));
  const url = `http://127.0.0.1:${port}`;
  for (const deadline = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (await fetch(`${url}/healthz`).then((answer) => answer.ok, () => false)) break;
    if (Date.now() > deadline || server.exitCode !== null) throw new Error(`the server did not start:\n${log}`);
  }
  return { url, server, log: () => log };
}

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
}, 30_000);

it("lets no script run but its own", async () => {
  const { html, headers } = await page((await start({})).url);
  const nonce = /'nonce-([^']+)'/.exec(headers.get("content-security-policy") ?? "")?.[1];
  expect(nonce).toBeTruthy();
  const scripts = html.match(/<script\b[^>]*>/g) ?? [];
  expect(scripts.length).toBeGreaterThan(0);
  expect(scripts.filter((script) => !script.includes(`nonce="${nonce}"`))).toEqual([]);
  // The name space of drawings is a name, and not an address that is loaded.
  expect(html.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\//);
}, 30_000);

it("lives without a backend, and says so in the shape of the API", async () => {
  const { url, log } = await start({ NEXT_PUBLIC_API_URL: "http://127.0.0.1:1" });
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const answer = await fetch(`${url}/api/tasks`, { headers: { "X-Request-ID": "abc" } });
  expect(answer.status).toBe(502);
  expect(await answer.json()).toMatchObject({ error: { code: "backend_unavailable" }, request_id: "abc" });
  expect(log()).toContain('"request_id":"abc"');
}, 30_000);

it("ends soon on SIGTERM, also while a connection is kept open", async () => {
  const { url, server } = await start({ KEEP_ALIVE_TIMEOUT: "120000" });
  const agent = new Agent({ keepAlive: true });
  await new Promise((resolve) => get(`${url}/healthz`, { agent }, (answer) => answer.resume().on("end", resolve)));
  const ended = once(server, "exit");
  const asked = Date.now();
  server.kill("SIGTERM");
  await ended;
  expect(Date.now() - asked).toBeLessThan(3000);
  agent.destroy();
}, 30_000);
