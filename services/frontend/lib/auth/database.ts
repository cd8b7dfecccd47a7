// The account database: the connection for Better Auth, and a lock for work of a single replica.
import type { BetterAuthOptions } from "better-auth";
import { SqliteDialect } from "kysely";
import { Pool } from "pg";
import { log } from "@/lib/log";
import type { AccountsConfig } from "./config";

export interface AccountsDatabase {
  forBetterAuth: NonNullable<BetterAuthOptions["database"]>;
  /** The host and port, or the file: for messages. */
  where: string;
  /** Runs `work` while no other replica runs any. */
  alone: (work: () => Promise<void>) => Promise<void>;
}

/** An arbitrary lock ID for this database: "todo" and "auth" as characters. */
const LOCK = [0x746f646f, 0x61757468];
/** Milliseconds. An unavailable database must be reported while the user still waits. */
const CONNECT = 5_000;
const STATEMENT = 15_000;
/** Milliseconds between two attempts to get the lock. */
const PAUSE = 200;

export async function openDatabase({ database }: AccountsConfig): Promise<AccountsDatabase> {
  if (database.kind === "sqlite") {
    const { openSqlite } = await import("./sqlite");
    const dialect = new SqliteDialect({ database: openSqlite(database.path) });
    return { forBetterAuth: { dialect, type: "sqlite" }, where: database.path, alone: (work) => work() };
  }
  const pool = new Pool({
    connectionString: database.url,
    max: 5,
    connectionTimeoutMillis: CONNECT,
    // Not `statement_timeout`, which is sent at the start of a connection: poolers such as PgBouncer refuse it.
    query_timeout: STATEMENT,
    keepAlive: true,
    application_name: "todo-frontend",
  });
  // The pool replaces a broken idle connection; without a listener, its error would end the process.
  pool.on("error", (error) => log("warning", "lost a connection to the account database", { cause: error.message }));
  return { forBetterAuth: pool, where: new URL(database.url).host, alone: (work) => locked(pool, work) };
}

async function locked(pool: Pool, work: () => Promise<void>): Promise<void> {
  const client = await pool.connect();
  let broken = true;
  try {
    // The lock belongs to a transaction: behind a pooler, the next statement may use another session. Waiting
    // for it outside of a transaction leaves the pooler's connections to the replica that has it.
    for (;;) {
      await client.query("BEGIN");
      const { rows } = await client.query<{ mine: boolean }>("SELECT pg_try_advisory_xact_lock($1, $2) AS mine", LOCK);
      if (rows[0]?.mine) break;
      await client.query("ROLLBACK");
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
    await work();
    await client.query("COMMIT");
    broken = false;
  } finally {
    // Closing the connection ends its transaction.
    client.release(broken);
  }
}
