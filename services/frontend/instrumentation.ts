// What the server itself has to tell: that it runs, and which page failed.
import type { Instrumentation } from "next";
import { accountsOn } from "@/lib/auth/config";
import { apiUrl } from "@/lib/config";
import { log } from "@/lib/log";

export async function register(): Promise<void> {
  let backend = "(not an address)";
  try {
    backend = new URL(apiUrl()).host;
  } catch {
    const help = "set NEXT_PUBLIC_API_URL=http://HOST:PORT";
    log("error", `NEXT_PUBLIC_API_URL is not an address, so /api cannot be passed on; help: ${help}`);
  }
  log("info", "started", { backend, accounts: accountsOn() });
  // Only where there are a file system and sockets.
  if (process.env.NEXT_RUNTIME === "nodejs") {
    (await import("@/lib/drain")).letGoOnClose();
    // The database may come up later than this server.
    if (accountsOn()) (await import("@/lib/auth/accounts")).startAccounts();
  }
}

export const onRequestError: Instrumentation.onRequestError = (error, request) => {
  const message = error instanceof Error ? error.message : String(error);
  log("error", "a page failed", { method: request.method, path: request.path, exception: message });
};
