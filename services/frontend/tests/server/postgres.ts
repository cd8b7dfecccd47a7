// A temporary PostgreSQL server on the loopback address.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { freePort } from "./start";

const BIN = "/usr/lib/postgresql/15/bin";
const POOLER = "/usr/sbin/pgbouncer";
const HELP = "apt-get install -y --no-install-recommends postgresql-15 pgbouncer";

/** PostgreSQL refuses to run as root. */
function owner(): { uid: number; gid: number } | Record<string, never> {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

export interface Postgres {
  /** The URL of a new, empty database. */
  fresh: () => Promise<string>;
  rows: (url: string, statement: string) => Promise<Record<string, unknown>[]>;
  /** The same database through PgBouncer in transaction mode; `remove` ends it. */
  pooled: (url: string) => Promise<string>;
  start: () => Promise<void>;
  stop: () => Promise<void>;
  remove: () => Promise<void>;
}

async function rows(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

export async function postgres(): Promise<Postgres> {
  if (!existsSync(`${BIN}/initdb`)) throw new Error(`the tests need ${BIN}/initdb; help: ${HELP}`);
  const as = owner();
  const folder = mkdtempSync(join(tmpdir(), "todo-accounts-"));
  if ("uid" in as) chownSync(folder, as.uid, as.gid);
  const data = join(folder, "data");
  const flags = ["-A", "trust", "-U", "todo", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
  execFileSync(`${BIN}/initdb`, ["-D", data, ...flags], { ...as, cwd: folder, stdio: "ignore" });
  const port = await freePort();
  const url = (name: string) => `postgresql://todo:pass-canary@127.0.0.1:${port}/${name}`;
  let server: ChildProcess | undefined;
  let count = 0;

  async function start(): Promise<void> {
    const settings = ["fsync=off", "listen_addresses=127.0.0.1", `unix_socket_directories=${folder}`];
    const given = settings.flatMap((setting) => ["-c", setting]);
    server = spawn(`${BIN}/postgres`, ["-D", data, "-p", String(port), ...given], { ...as, cwd: folder, stdio: "ignore" });
    for (const deadline = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      if (await rows(url("postgres"), "SELECT 1").then(() => true, () => false)) return;
      if (Date.now() > deadline) throw new Error("PostgreSQL did not start");
    }
  }

  const poolers: ChildProcess[] = [];
  async function pooled(direct: string): Promise<string> {
    if (!existsSync(POOLER)) throw new Error(`the tests need ${POOLER}; help: ${HELP}`);
    const own = await freePort();
    writeFileSync(join(folder, "users.txt"), '"todo" "pass-canary"\n');
    const lines = ["[databases]", `* = host=127.0.0.1 port=${port} user=todo`, "[pgbouncer]", "listen_addr = 127.0.0.1"];
    lines.push(`listen_port = ${own}`, "unix_socket_dir =", "auth_type = scram-sha-256", "auth_file = users.txt");
    lines.push("pool_mode = transaction", "default_pool_size = 2");
    writeFileSync(join(folder, "pgbouncer.ini"), lines.join("\n"));
    poolers.push(spawn(POOLER, ["pgbouncer.ini"], { ...as, cwd: folder, stdio: "ignore" }));
    const through = new URL(direct);
    through.port = String(own);
    for (const deadline = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      if (await rows(through.href, "SELECT 1").then(() => true, () => false)) return through.href;
      if (Date.now() > deadline) throw new Error("PgBouncer did not start");
    }
  }

  async function stop(): Promise<void> {
    if (!server) return;
    const ended = once(server, "exit");
    // "Fast" shutdown: open connections are closed, as when a pod is deleted.
    server.kill("SIGINT");
    await ended;
    server = undefined;
  }

  return {
    fresh: async () => {
      count += 1;
      await rows(url("postgres"), `CREATE DATABASE t${count}`);
      return url(`t${count}`);
    },
    rows,
    pooled,
    start,
    stop,
    remove: async () => {
      poolers.forEach((pooler) => pooler.kill("SIGKILL"));
      await stop();
      rmSync(folder, { recursive: true });
    },
  };
}
