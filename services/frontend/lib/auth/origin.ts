// Determines the origin of a request and whether one of our own pages sent it.

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?$/i;
const SAFE = ["GET", "HEAD", "OPTIONS"];

/** Each proxy appends its value; the first one is what the browser used. */
function first(value: string | null): string {
  return value?.split(",")[0]?.trim() ?? "";
}

/** The origin in the browser's address bar. Scripts of other origins cannot set these headers. */
function named(headers: Headers): string | null {
  const protocol = first(headers.get("x-forwarded-proto")) === "https" ? "https" : "http";
  const host = first(headers.get("x-forwarded-host")) || (headers.get("host") ?? "");
  const url = `${protocol}://${host}`;
  return HOST.test(host) && URL.canParse(url) ? new URL(url).origin : null;
}

/** The origin of this request, limited to `allowed` if it is not empty; null if there is none. */
export function ownOrigin(headers: Headers, allowed: string[]): string | null {
  const asked = named(headers);
  if (allowed.length === 0) return asked;
  return asked && allowed.includes(asked) ? asked : (allowed[0] ?? null);
}

/** Whether a modifying request comes from one of our own pages or from no page at all. */
export function comesFromUs(request: Request, own: string, allowed: string[]): boolean {
  if (SAFE.includes(request.method)) return true;
  const from = request.headers.get("origin");
  if (from !== null) return from === own || allowed.includes(from);
  const site = request.headers.get("sec-fetch-site");
  return site === null || site === "same-origin";
}
