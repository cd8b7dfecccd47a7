// Everything below /auth: who may ask, and Better Auth's answer.
import { log } from "@/lib/log";
import { accounts, NotReady } from "./accounts";
import { accountsOn, ConfigError } from "./config";
import { comesFromUs, ownOrigin } from "./origin";

/** Bytes; more than any form here sends. */
const MOST = 16_384;

function refuse(status: number, code: string, message: string): Response {
  return Response.json({ code, message }, { status });
}

async function answer(request: Request): Promise<Response> {
  if (!accountsOn()) return refuse(404, "ACCOUNTS_OFF", "There are no accounts here.");
  const { config, by } = await accounts();
  const own = ownOrigin(request.headers, config.origins);
  if (!own) return refuse(400, "NO_HOST", "The request names no host.");
  if (!comesFromUs(request, own, config.origins)) {
    log("warning", "a request of another origin was refused", { origin: request.headers.get("origin")?.slice(0, 200) });
    return refuse(403, "INVALID_ORIGIN", "This page may not do that here.");
  }
  const body = request.method === "GET" ? null : await request.arrayBuffer();
  if (body && body.byteLength > MOST) return refuse(413, "TOO_LARGE", "That is too much.");
  const { pathname, search } = new URL(request.url);
  // By its address Better Auth knows which origin it serves.
  const outside = new Request(`${own}${pathname}${search}`, { method: request.method, headers: request.headers, body });
  return by(own).handler(outside);
}

export async function handle(request: Request): Promise<Response> {
  const started = performance.now();
  let response: Response;
  try {
    response = await answer(request);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    log("error", "accounts failed", { cause });
    const away = error instanceof NotReady || error instanceof ConfigError;
    const status = away ? 503 : 500;
    response = refuse(status, "ACCOUNTS_UNAVAILABLE", "The accounts cannot be reached; try again.");
  }
  const given = new Headers(response.headers);
  given.set("Cache-Control", "no-store");
  const path = new URL(request.url).pathname.slice(0, 200);
  const milliseconds = Math.round((performance.now() - started) * 10) / 10;
  const { status } = response;
  log(status < 500 ? "info" : "warning", "request", { method: request.method, path, status, milliseconds });
  return new Response(response.body, { status, headers: given });
}
