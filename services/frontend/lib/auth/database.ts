// The accounts' database: how Better Auth reaches it, and work that only one replica may do at a time.
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

/** Any number that nobody else takes as a lock of this database: "todo" and "auth" as characters. */
const LOCK = [0x746f646f, 0x61757468];
/** Milliseconds; a database that is away is to be noticed while a person still waits. */
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
  // An idle connection that breaks is replaced by the pool; unheard, its error would end the process.
  pool.on("error", (error) => log("warning", "a connection of the accounts broke", { cause: error.message }));
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
    // The end of a connection ends its locks.
    client.release(broken);
  }
}
