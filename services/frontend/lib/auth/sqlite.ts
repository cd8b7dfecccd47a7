// A Kysely driver for SQLite as WebAssembly, so that no native code is compiled.
import { rmSync } from "node:fs";
import type { SqliteDatabase, SqliteStatement } from "kysely";
import { type BindValues, Database, type SQLiteValue } from "node-sqlite3-wasm";

const READS = /^\s*(?:select|pragma|with|explain|values)\b|\breturning\b/i;

class Statement implements SqliteStatement {
  readonly reader: boolean;

  constructor(
    private readonly database: Database,
    private readonly text: string,
  ) {
    this.reader = READS.test(text);
  }

  all(parameters: readonly unknown[]): unknown[] {
    return this.database.all(this.text, values(parameters));
  }

  run(parameters: readonly unknown[]): { changes: number; lastInsertRowid: number | bigint } {
    return this.database.run(this.text, values(parameters));
  }

  *iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    yield* this.all(parameters);
  }
}

function values(parameters: readonly unknown[]): BindValues {
  return parameters.map((value) => (value === undefined ? null : (value as SQLiteValue)));
}

/** Opens the file, which only one process can have open. */
export function openSqlite(path: string): SqliteDatabase {
  // The driver uses a directory as a lock, which a killed process leaves behind.
  rmSync(`${path}.lock`, { recursive: true, force: true });
  const database = new Database(path);
  database.exec("PRAGMA foreign_keys = ON");
  return {
    prepare: (text) => new Statement(database, text),
    close: () => database.close(),
  };
}
