// Starts the server as the image runs it (`npm run build`).
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";

const SERVER = ".next/standalone/server.js";
const started: ChildProcess[] = [];

export interface Started {
  url: string;
  server: ChildProcess;
  log: () => string;
}

export function endAll(): void {
  started.splice(0).forEach((server) => server.kill("SIGKILL"));
}

interface Backend {
  url: string;
  /** The status of its responses. */
  status: number;
  requests: { method: string | undefined; url: string | undefined; authorization: string | undefined }[];
}

/** A backend that remembers requests. */
export async function backend(): Promise<Backend> {
  const found: Backend = { url: "", status: 204, requests: [] };
  const server = createServer(({ method, url, headers }, response) => {
    found.requests.push({ method, url, authorization: headers.authorization });
    response.writeHead(found.status).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  found.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return found;
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

export async function start(env: Record<string, string>): Promise<Started> {
  if (!existsSync(SERVER)) throw new Error(`${SERVER} is missing; help: npm run build`);
  const port = await freePort();
  const system = { PATH: process.env.PATH, NODE_ENV: "production" as const, HOSTNAME: "127.0.0.1" };
  const server = spawn(process.execPath, [SERVER], { env: { ...system, PORT: String(port), ...env } });
  started.push(server);
  let log = "";
  server.stdout.on("data", (text) => (log += String(text)));
  server.stderr.on("data", (text) => (log += String(text)));
  const url = `http://127.0.0.1:${port}`;
  for (const deadline = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (await fetch(`${url}/healthz`).then((answer) => answer.ok, () => false)) break;
    if (Date.now() > deadline || server.exitCode !== null) throw new Error(`the server did not start:\n${log}`);
  }
  return { url, server, log: () => log };
}
