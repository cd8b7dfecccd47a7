// Forwards /api requests to the backend if no ingress does so (port-forward, `next dev`).
import { apiUrl } from "@/lib/config";
import { log } from "@/lib/log";

/** Milliseconds until the response starts. The body is not limited, because the chat streams it. */
export const PATIENCE = 10_000;

const VALID_ID = /^[A-Za-z0-9._-]{1,64}$/;
// Hop-by-hop headers (RFC 9110, 7.6.1).
const HOP_BY_HOP = [
  "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
  "te", "trailer", "transfer-encoding", "upgrade",
];
// `host` is ours; lengths and encodings are negotiated on each side; fetch does not support `expect`.
const OURS = ["host", "content-length", "accept-encoding", "expect"];

function endToEnd(headers: Headers, without: string[]): Headers {
  const kept = new Headers(headers);
  const named = headers.get("connection")?.split(",").map((name) => name.trim()) ?? [];
  for (const name of [...HOP_BY_HOP, ...without, ...named]) {
    if (name) kept.delete(name);
  }
  return kept;
}

/** The URL at the backend, or null if it leaves /api (`/api/%2e%2e/internal`). */
function target(request: Request): URL | null {
  const { pathname, search } = new URL(request.url);
  const base = new URL(apiUrl());
  const prefix = base.pathname.replace(/\/+$/, "");
  const url = new URL(`${base.origin}${prefix}${pathname}${search}`);
  return url.pathname.startsWith(`${prefix}/api/`) ? url : null;
}

function failure(status: number, code: string, message: string, id: string): Response {
  const body = { error: { code, message }, request_id: id };
  return Response.json(body, { status, headers: { "X-Request-ID": id, "Cache-Control": "no-store" } });
}

async function exchange(request: Request, id: string): Promise<Response> {
  const tooLong = new AbortController();
  const timer = setTimeout(() => tooLong.abort(), PATIENCE);
  try {
    const url = target(request);
    if (!url) return failure(404, "not_found", "There is nothing at this address.", id);
    const headers = endToEnd(request.headers, OURS);
    headers.set("x-request-id", id);
    headers.set("accept-encoding", "identity");
    const init: RequestInit & { duplex: "half" } = {
      method: request.method,
      headers,
      body: request.body,
      duplex: "half",
      redirect: "manual",
      cache: "no-store",
      signal: AbortSignal.any([tooLong.signal, request.signal]),
    };
    const answer = await fetch(url, init);
    const given = endToEnd(answer.headers, ["content-length", "content-encoding"]);
    if (!given.has("x-request-id")) given.set("x-request-id", id);
    // Compression would delay a stream.
    if (given.get("content-type")?.startsWith("text/event-stream")) given.set("cache-control", "no-cache, no-transform");
    return new Response(answer.body, { status: answer.status, headers: given });
  } catch (error) {
    if (request.signal.aborted) return failure(499, "aborted", "The request was canceled.", id);
    log("warning", "cannot reach the backend", { request_id: id, cause: cause(error) });
    if (tooLong.signal.aborted) return failure(504, "backend_timeout", "The server took too long; try again.", id);
    return failure(502, "backend_unavailable", "The server cannot be reached; try again.", id);
  } finally {
    clearTimeout(timer);
  }
}

// fetch throws "fetch failed"; the reason is in its `cause`.
function cause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}

/** The response of the backend, or an error in the format of the API. */
export async function forward(request: Request): Promise<Response> {
  const started = performance.now();
  const given = request.headers.get("x-request-id") ?? "";
  const id = VALID_ID.test(given) ? given : crypto.randomUUID().replaceAll("-", "");
  const answer = await exchange(request, id);
  log(answer.status < 500 ? "info" : "warning", "request", {
    request_id: id,
    method: request.method,
    path: new URL(request.url).pathname.slice(0, 500),
    status: answer.status,
    milliseconds: Math.round((performance.now() - started) * 10) / 10,
  });
  return answer;
}
