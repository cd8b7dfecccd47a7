// Serves everything below /auth: checks the origin and calls Better Auth.
import { log } from "@/lib/log";
import { accounts, NotReady } from "./accounts";
import { accountsOn, isConfigError } from "./config";
import { comesFromUs, ownOrigin } from "./origin";

/** Bytes; more than any form sends. */
const MOST = 16_384;

function refuse(status: number, code: string, message: string): Response {
  return Response.json({ code, message }, { status });
}

/** The complete body, or null if it is larger than the limit. */
async function atMost(body: ReadableStream<Uint8Array> | null, most: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const parts: Uint8Array[] = [];
  let size = 0;
  if (body) {
    for await (const part of body as unknown as AsyncIterable<Uint8Array>) {
      size += part.byteLength;
      if (size > most) return null;
      parts.push(part);
    }
  }
  return new Uint8Array(Buffer.concat(parts));
}

async function answer(request: Request): Promise<Response> {
  if (!accountsOn()) return refuse(404, "ACCOUNTS_OFF", "Accounts are disabled.");
  const { config, by } = await accounts();
  const own = ownOrigin(request.headers, config.origins);
  if (!own) return refuse(400, "NO_HOST", "The request has no Host header.");
  if (!comesFromUs(request, own, config.origins)) {
    log("warning", "rejected a request from another origin", { origin: request.headers.get("origin")?.slice(0, 200) });
    return refuse(403, "INVALID_ORIGIN", "Requests from this origin are not allowed.");
  }
  const body = await atMost(request.body, MOST);
  if (body === null) return refuse(413, "TOO_LARGE", "The request is too large.");
  const { pathname, search } = new URL(request.url);
  // Better Auth derives the origin from the URL.
  const { method, headers } = request;
  const outside = new Request(`${own}${pathname}${search}`, { method, headers, ...(body.byteLength > 0 ? { body } : {}) });
  return by(own).handler(outside);
}

export async function handle(request: Request): Promise<Response> {
  const started = performance.now();
  let response: Response;
  try {
    response = await answer(request);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    log("error", "the account request failed", { cause });
    const away = error instanceof NotReady || isConfigError(error);
    const status = away ? 503 : 500;
    response = refuse(status, "ACCOUNTS_UNAVAILABLE", "Accounts are currently unavailable; try again.");
  }
  const given = new Headers(response.headers);
  given.set("Cache-Control", "no-store");
  const path = new URL(request.url).pathname.slice(0, 200);
  const milliseconds = Math.round((performance.now() - started) * 10) / 10;
  const { status } = response;
  log(status < 500 ? "info" : "warning", "request", { method: request.method, path, status, milliseconds });
  return new Response(response.body, { status, headers: given });
}
