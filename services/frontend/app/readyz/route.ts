// The readiness check: whether pages can be served. It waits for the first connection to the account database only;
// when that is lost later, the pages report it.
import { accountsReady } from "@/lib/auth/accounts";
import { accountsOn } from "@/lib/auth/config";

export const dynamic = "force-dynamic";

export function GET(): Response {
  const ready = !accountsOn() || accountsReady();
  const status = ready ? "ok" : "the accounts are not ready";
  return Response.json({ status }, { status: ready ? 200 : 503, headers: { "Cache-Control": "no-store" } });
}
