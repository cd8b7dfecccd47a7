// The accounts of this process: opened once, migrated before they are used, tried again until that worked.
import { betterAuth } from "better-auth";
import { log } from "@/lib/log";
import { type AccountsConfig, accountsConfig, isConfigError } from "./config";
import { openDatabase } from "./database";
import { migrate } from "./migrate";
import { authOptions } from "./options";

function make(...given: Parameters<typeof authOptions>) {
  return betterAuth(authOptions(...given));
}

export type Auth = ReturnType<typeof make>;

export interface Accounts {
  config: AccountsConfig;
  /** One whose cookies are for https only, and one for the rest. */
  by: (origin: string) => Auth;
}

/** The accounts cannot be used yet. */
export class NotReady extends Error {}

/** Milliseconds that a request waits for accounts that are not ready. */
const PATIENCE = 5_000;
/** Milliseconds between two attempts. */
const PAUSE = 1_000;

async function open(): Promise<Accounts> {
  const config = accountsConfig();
  const database = await openDatabase(config);
  const plain = make(config, database, false);
  const secure = make(config, database, true);
  for (let failures = 0; ; failures += 1) {
    try {
      await database.alone(() => migrate(plain));
      log("info", "accounts are ready", { database: config.database.kind });
      return { config, by: (origin) => (origin.startsWith("https:") ? secure : plain) };
    } catch (error) {
      // Said at once, and then twice a minute.
      const cause = error instanceof Error ? error.message : String(error);
      if (failures % 30 === 0) log("error", "the accounts' database is not ready; trying again", { cause });
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

// Next builds each entry on its own, so a variable of this module would be one per entry.
const shared = globalThis as { todoAccounts?: Promise<Accounts> };

function opened(): Promise<Accounts> {
  if (!shared.todoAccounts) {
    shared.todoAccounts = open();
    shared.todoAccounts.catch((error: unknown) => {
      const why = isConfigError(error) ? error.message : `the accounts cannot be opened: ${String(error)}`;
      log("error", why);
    });
  }
  return shared.todoAccounts;
}

/** Begins to open them, without waiting. */
export function startAccounts(): void {
  void opened().catch(() => undefined);
}

export async function accounts(): Promise<Accounts> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NotReady("the accounts are not ready")), PATIENCE);
  });
  try {
    return await Promise.race([opened(), late]);
  } finally {
    clearTimeout(timer);
  }
}
