// Under which origin a request reached us, and whether the page that sent it is one of ours.

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?$/i;
const SAFE = ["GET", "HEAD", "OPTIONS"];

/** A proxy adds its value behind those before it; the first one is what the browser saw. */
function first(value: string | null): string {
  return value?.split(",")[0]?.trim() ?? "";
}

/** What the browser has in its address bar. Scripts of other origins cannot set these headers. */
function named(headers: Headers): string | null {
  const protocol = first(headers.get("x-forwarded-proto")) === "https" ? "https" : "http";
  const host = first(headers.get("x-forwarded-host")) || (headers.get("host") ?? "");
  const url = `${protocol}://${host}`;
  return HOST.test(host) && URL.canParse(url) ? new URL(url).origin : null;
}

/** Our origin for this request, of `allowed` where any are named; null where the request names none. */
export function ownOrigin(headers: Headers, allowed: string[]): string | null {
  const asked = named(headers);
  if (allowed.length === 0) return asked;
  return asked && allowed.includes(asked) ? asked : (allowed[0] ?? null);
}

/** Whether a request that changes something comes from one of our own pages, or from no page at all. */
export function comesFromUs(request: Request, own: string, allowed: string[]): boolean {
  if (SAFE.includes(request.method)) return true;
  const from = request.headers.get("origin");
  if (from !== null) return from === own || allowed.includes(from);
  const site = request.headers.get("sec-fetch-site");
  return site === null || site === "same-origin";
}
