// The accounts of this process: opened once, migrated before use, retried until this succeeds.
import { betterAuth } from "better-auth";
import { apiUrl } from "@/lib/config";
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
  /** One instance whose cookies are for https only, and one for the rest. */
  by: (origin: string) => Auth;
}

/** The accounts are not ready yet. */
export class NotReady extends Error {}

/** Milliseconds for the API to delete the data of a user. */
const DELETION = 10_000;

/** Deletes what the API has of the user of the token. */
async function deleteDataOf(token: string): Promise<void> {
  const headers = { Authorization: `Bearer ${token}` };
  const signal = AbortSignal.timeout(DELETION);
  const response = await fetch(`${apiUrl()}/api/account`, { method: "DELETE", headers, signal });
  if (response.status !== 204) throw new Error(`the API responded with ${response.status}`);
}

/** Milliseconds that a request waits for accounts to become ready. */
const PATIENCE = 5_000;
/** Milliseconds between two attempts. */
const PAUSE = 1_000;

async function open(): Promise<Accounts> {
  const config = accountsConfig();
  const database = await openDatabase(config);
  const deleteData = async (user: string) => {
    const { token } = await plain.api.signJWT({ body: { payload: { sub: user } } });
    await deleteDataOf(token);
  };
  const plain: Auth = make(config, database, false, deleteData);
  const secure = make(config, database, true, deleteData);
  for (let failures = 0; ; failures += 1) {
    try {
      await database.alone(() => migrate(plain));
      log("info", "accounts are ready", { database: config.database.kind });
      return { config, by: (origin) => (origin.startsWith("https:") ? secure : plain) };
    } catch (error) {
      // Logged immediately, then twice a minute.
      const cause = error instanceof Error ? error.message : String(error);
      if (failures % 30 === 0) {
        log("error", "the account database is not ready; retrying", { cause: `${database.where}: ${cause}` });
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

// Next.js bundles each entry separately, so a module variable would exist once per entry.
const shared = globalThis as { todoAccounts?: Promise<Accounts>; todoAccountsReady?: boolean };

function opened(): Promise<Accounts> {
  if (!shared.todoAccounts) {
    shared.todoAccounts = open();
    shared.todoAccounts.then(
      () => (shared.todoAccountsReady = true),
      (error: unknown) => {
        const why = isConfigError(error) ? error.message : `the accounts cannot be opened: ${String(error)}`;
        log("error", why);
      },
    );
  }
  return shared.todoAccounts;
}

/** Starts opening the accounts without waiting. */
export function startAccounts(): void {
  void opened().catch(() => undefined);
}

/** Whether the accounts were opened and migrated. */
export function accountsReady(): boolean {
  return shared.todoAccountsReady === true;
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
