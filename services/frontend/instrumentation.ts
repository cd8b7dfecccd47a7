// Server log lines: startup and failed pages.
import type { Instrumentation } from "next";
import { accountsOn } from "@/lib/auth/config";
import { apiUrl } from "@/lib/config";
import { log } from "@/lib/log";

export async function register(): Promise<void> {
  let backend = "(not a URL)";
  try {
    backend = new URL(apiUrl()).host;
  } catch {
    const help = "set NEXT_PUBLIC_API_URL=http://HOST:PORT";
    log("error", `NEXT_PUBLIC_API_URL is not a URL, so /api cannot be forwarded; help: ${help}`);
  }
  log("info", "started", { backend, accounts: accountsOn() });
  // Only in the Node.js runtime, which has a file system and sockets.
  if (process.env.NEXT_RUNTIME === "nodejs") {
    (await import("@/lib/drain")).letGoOnClose();
    // The database may start later than this server.
    if (accountsOn()) (await import("@/lib/auth/accounts")).startAccounts();
  }
}

export const onRequestError: Instrumentation.onRequestError = (error, request) => {
  const message = error instanceof Error ? error.message : String(error);
  log("error", "failed to render a page", { method: request.method, path: request.path, exception: message });
};
