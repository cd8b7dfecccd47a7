// Backs up and restores the SQLite file of the frontend; the verbs are described in docs/ARCHITECTURE.md ("Backups").
//
// Runs in the frontend's container: node -e SCRIPT NAME VERB, with AUTH_DATABASE_PATH. Only the driver of the
// frontend knows its lock, a folder beside the file.
const fs = require("node:fs");
const { Database } = require("node-sqlite3-wasm");

const path = process.env.AUTH_DATABASE_PATH;
const copy = `${path}.todo-bootstrap`;
// How long to wait for a transaction of the frontend.
const TRIES = 300;
const PAUSE_MS = 100;

const name = (text) => `"${text.replaceAll('"', '""')}"`;
const literal = (text) => `'${text.replaceAll("'", "''")}'`;

/** Runs `work` with the database, again if another process has the lock. */
function using(file, work, tries = TRIES) {
  let database;
  try {
    database = new Database(file);
    return work(database);
  } catch (error) {
    if (tries === 0 || !/lock|busy/i.test(error.message)) throw error;
  } finally {
    database?.close();
  }
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  return using(file, work, tries - 1);
}

function clean() {
  for (const ending of ["", "-journal", ".lock"]) fs.rmSync(copy + ending, { recursive: true, force: true });
}

/** Copies standard input to a file, or a file to standard output, block by block. */
function pipe(from, to) {
  const block = Buffer.alloc(1 << 16);
  for (;;) {
    let count;
    try {
      count = fs.readSync(from, block);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
      continue;
    }
    if (count === 0) return;
    for (let sent = 0; sent < count; ) sent += fs.writeSync(to, block, sent, count - sent);
  }
}

function dump() {
  clean();
  using(path, (database) => database.exec(`VACUUM INTO ${literal(copy)}`));
  pipe(fs.openSync(copy), 1);
  clean();
}

function load() {
  clean();
  pipe(0, fs.openSync(copy, "w"));
  // SQLite takes it for a new database.
  if (fs.statSync(copy).size === 0) throw new Error("the dump is empty");
  const found = using(copy, (database) => database.get("PRAGMA integrity_check").integrity_check);
  if (found !== "ok") throw new Error(found);
}

/** Puts all tables of the copy in place of those of the database, in one transaction. */
function replace() {
  if (!fs.existsSync(copy)) throw new Error(`${copy} does not exist`);
  using(path, (database) => {
    const objects = (schema, order) =>
      database.all(
        `SELECT type, name, sql FROM ${schema}.sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type = 'table' ${order}`,
      );
    database.exec(`ATTACH ${literal(copy)} AS loaded; PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE`);
    // Indexes, triggers and views go before the tables.
    for (const old of objects("main", "ASC")) database.exec(`DROP ${old.type} main.${name(old.name)}`);
    for (const one of objects("loaded", "DESC")) {
      database.exec(one.sql);
      if (one.type === "table")
        database.exec(`INSERT INTO main.${name(one.name)} SELECT * FROM loaded.${name(one.name)}`);
    }
    database.exec("COMMIT");
  });
}

const verbs = { schema: () => {}, dump, load, replace, clean };
verbs[process.argv.at(-1)]();
