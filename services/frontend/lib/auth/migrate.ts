// Brings the accounts' tables up to date, and sees that there is a key that signs tokens.
import { getMigrations } from "better-auth/db/migration";
import { log } from "@/lib/log";
import type { Auth } from "./accounts";

/** Safe to run again, and to be called only while no other replica runs it. */
export async function migrate(auth: Auth): Promise<void> {
  const { toBeCreated, toBeAdded, runMigrations } = await getMigrations(auth.options);
  await runMigrations();
  const tables = [...toBeCreated, ...toBeAdded].map(({ table }) => table);
  if (tables.length > 0) log("info", "the accounts' tables are up to date", { changed: tables });
  if (!(await signs(auth))) await replaceKeys(auth);
}

/** Signs for nobody; makes the first key where there is none. */
async function signs(auth: Auth): Promise<boolean> {
  try {
    await auth.api.signJWT({ body: { payload: { sub: "" } } });
    return true;
  } catch (error) {
    // Better Auth's own errors; a database that is away is not one of them.
    if (error instanceof Error && error.message.startsWith("Failed to decrypt private key")) return false;
    throw error;
  }
}

/** Keys that were encrypted by another secret are of no use: every token would be refused. */
async function replaceKeys(auth: Auth): Promise<void> {
  log("warning", "BETTER_AUTH_SECRET has changed: tokens are signed by a new key, and everybody logs in anew");
  const { adapter } = await auth.$context;
  await adapter.deleteMany({ model: "jwks", where: [] });
  await auth.api.signJWT({ body: { payload: { sub: "" } } });
}
