// The account database: the connection for Better Auth, and a lock for work of a single replica.
import type { BetterAuthOptions } from "better-auth";
import { SqliteDialect } from "kysely";
import { Pool } from "pg";
import { log } from "@/lib/log";
import type { AccountsConfig } from "./config";

export interface AccountsDatabase {
  forBetterAuth: NonNullable<BetterAuthOptions["database"]>;
  /** Runs `work` while no other replica runs any. */
  alone: (work: () => Promise<void>) => Promise<void>;
}

/** An arbitrary lock ID for this database: "todo" and "auth" as characters. */
const LOCK = [0x746f646f, 0x61757468];
/** Milliseconds. An unavailable database must be reported while the user still waits. */
const CONNECT = 5_000;
const STATEMENT = 15_000;

export async function openDatabase({ database }: AccountsConfig): Promise<AccountsDatabase> {
  if (database.kind === "sqlite") {
    const { openSqlite } = await import("./sqlite");
    const dialect = new SqliteDialect({ database: openSqlite(database.path) });
    return { forBetterAuth: { dialect, type: "sqlite" }, alone: (work) => work() };
  }
  const pool = new Pool({
    connectionString: database.url,
    max: 5,
    connectionTimeoutMillis: CONNECT,
    statement_timeout: STATEMENT,
    keepAlive: true,
    application_name: "todo-frontend",
  });
  // The pool replaces a broken idle connection; without a listener, its error would end the process.
  pool.on("error", (error) => log("warning", "lost a connection to the account database", { cause: error.message }));
  return { forBetterAuth: pool, alone: (work) => locked(pool, work) };
}

async function locked(pool: Pool, work: () => Promise<void>): Promise<void> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query("SELECT pg_advisory_lock($1, $2)", LOCK);
    await work();
    await client.query("SELECT pg_advisory_unlock($1, $2)", LOCK);
    broken = false;
  } finally {
    // Closing the connection releases its locks.
    client.release(broken);
  }
}
