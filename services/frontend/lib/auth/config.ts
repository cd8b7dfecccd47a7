// Account settings from the environment. Without DATABASE_URL there are no accounts.
import { read } from "@/lib/config";

export interface AccountsConfig {
  /** PostgreSQL, or an SQLite file. */
  database: { kind: "postgres"; url: string } | { kind: "sqlite"; path: string };
  secret: string;
  /** The origins of the pages, the main one first. If empty: the origin of the request. */
  origins: string[];
  issuer: string;
  audience: string;
  /** Whether new users may sign up. */
  signUp: boolean;
}

/** An invalid setting. The message must not contain the value, which may include a password. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Compared by name: Next.js bundles this file several times, each with its own class. */
export function isConfigError(error: unknown): error is ConfigError {
  return error instanceof Error && error.name === "ConfigError";
}

/** The shortest secret that Better Auth accepts without a warning. */
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
    const help = "set AUTH_DATABASE_PATH=/path/accounts.db (not the file of the tasks)";
    if (!path) throw new ConfigError(`DATABASE_URL is an SQLite file, but accounts need a separate file; help: ${help}`);
    return { kind: "sqlite", path };
  }
  const help = "set DATABASE_URL=postgresql://USER:PASSWORD@HOST:5432/NAME";
  const plain = text.replace(POSTGRES, "postgresql://");
  if (!POSTGRES.test(text) || !URL.canParse(plain)) throw new ConfigError(`DATABASE_URL is invalid; help: ${help}`);
  const url = new URL(plain);
  // `sslmode` as other PostgreSQL clients interpret it.
  if (url.searchParams.has("sslmode")) url.searchParams.set("uselibpqcompat", "true");
  return { kind: "postgres", url: url.href };
}

function origin(text: string): string {
  const help = "set AUTH_ORIGINS=http://HOST[:PORT],…";
  const given = URL.canParse(text) ? new URL(text) : null;
  if (!given || !/^https?:$/.test(given.protocol) || given.hostname.includes("*")) {
    throw new ConfigError(`AUTH_ORIGINS contains a value that is not an origin; help: ${help}`);
  }
  return given.origin;
}

export function signUpOn(): boolean {
  const given = read("AUTH_SIGN_UP") || "on";
  if (given !== "on" && given !== "off") {
    throw new ConfigError("AUTH_SIGN_UP is neither on nor off; help: set AUTH_SIGN_UP=on");
  }
  return given === "on";
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
    signUp: signUpOn(),
  };
}
