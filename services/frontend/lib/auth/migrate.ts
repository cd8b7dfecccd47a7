// Migrates the account tables and creates the key that signs tokens.
import { getMigrations } from "better-auth/db/migration";
import { log } from "@/lib/log";
import type { Auth } from "./accounts";

/** Safe to run repeatedly; call it only while no other replica runs it. */
export async function migrate(auth: Auth): Promise<void> {
  const { toBeCreated, toBeAdded, runMigrations } = await getMigrations(auth.options);
  await runMigrations();
  const tables = [...toBeCreated, ...toBeAdded].map(({ table }) => table);
  if (tables.length > 0) log("info", "migrated the account tables", { changed: tables });
  if (!(await signs(auth))) await replaceKeys(auth);
}

/** Signs a test token, which creates the first key if there is none. */
async function signs(auth: Auth): Promise<boolean> {
  try {
    await auth.api.signJWT({ body: { payload: { sub: "" } } });
    return true;
  } catch (error) {
    // Better Auth throws this message; a database error has a different one.
    if (error instanceof Error && error.message.startsWith("Failed to decrypt private key")) return false;
    throw error;
  }
}

/** Keys encrypted with another secret cannot be used: every token would be rejected. */
async function replaceKeys(auth: Auth): Promise<void> {
  log("warning", "BETTER_AUTH_SECRET has changed: created a new signing key; all users must log in again");
  const { adapter } = await auth.$context;
  await adapter.deleteMany({ model: "jwks", where: [] });
  await auth.api.signJWT({ body: { payload: { sub: "" } } });
}
