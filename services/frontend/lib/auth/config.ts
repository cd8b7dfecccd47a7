// What the environment says about accounts. Without DATABASE_URL there are none.
import { read } from "@/lib/config";

export interface AccountsConfig {
  /** PostgreSQL, or the file of a SQLite. */
  database: { kind: "postgres"; url: string } | { kind: "sqlite"; path: string };
  secret: string;
  /** Origins under which people reach the pages, the first one first; empty: whatever the request names. */
  origins: string[];
  issuer: string;
  audience: string;
}

/** A setting that cannot be used. The message never holds a value: there may be a password in it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** By its name: Next builds this file into several entries, each with a class of its own. */
export function isConfigError(error: unknown): error is ConfigError {
  return error instanceof Error && error.name === "ConfigError";
}

/** The shortest secret that Better Auth takes without a warning. */
const SECRET_LENGTH = 32;
const POSTGRES = /^postgres(?:ql)?(?:\+[a-z0-9]+)?:\/\//;
const SQLITE = /^sqlite(?:\+[a-z0-9]+)?:/;

export function accountsOn(): boolean {
  return read("DATABASE_URL") !== "";
}

function database(): AccountsConfig["database"] {
  const text = read("DATABASE_URL");
  if (SQLITE.test(text)) {
    const path = read("AUTH_DATABASE_PATH");
    const help = "set AUTH_DATABASE_PATH=/path/accounts.db, another file than that of the tasks";
    if (!path) throw new ConfigError(`DATABASE_URL is a SQLite, and accounts want a file of their own; help: ${help}`);
    return { kind: "sqlite", path };
  }
  const help = "set DATABASE_URL=postgresql://USER:PASSWORD@HOST:5432/NAME";
  const plain = text.replace(POSTGRES, "postgresql://");
  if (!POSTGRES.test(text) || !URL.canParse(plain)) throw new ConfigError(`DATABASE_URL cannot be used; help: ${help}`);
  const url = new URL(plain);
  // `sslmode` as every other client of PostgreSQL takes it.
  if (url.searchParams.has("sslmode")) url.searchParams.set("uselibpqcompat", "true");
  return { kind: "postgres", url: url.href };
}

function origin(text: string): string {
  const help = "set AUTH_ORIGINS=http://HOST[:PORT],…";
  const given = URL.canParse(text) ? new URL(text) : null;
  if (!given || !/^https?:$/.test(given.protocol) || given.hostname.includes("*")) {
    throw new ConfigError(`AUTH_ORIGINS holds what is no origin; help: ${help}`);
  }
  return given.origin;
}

export function accountsConfig(): AccountsConfig {
  const secret = read("BETTER_AUTH_SECRET");
  if (secret.length < SECRET_LENGTH) {
    const help = "set BETTER_AUTH_SECRET to the output of: openssl rand -base64 32";
    throw new ConfigError(`BETTER_AUTH_SECRET has fewer than ${SECRET_LENGTH} characters; help: ${help}`);
  }
  const listed = read("AUTH_ORIGINS").split(",").map((text) => text.trim());
  return {
    database: database(),
    secret,
    origins: listed.filter(Boolean).map(origin),
    issuer: read("AUTH_ISSUER") || "todo-chatbot",
    audience: read("AUTH_AUDIENCE") || "todo-api",
  };
}
