// The API token of the browser: fetched, kept only in memory and renewed before it expires.

/** Milliseconds before expiry at which a token is renewed. */
const EARLY = 60_000;

interface Token {
  text: string;
  /** When to renew it, by the local clock; a difference to the server's clock does not matter. */
  until: number;
}

let kept: Token | null = null;
let fetching: Promise<Token> | null = null;

/** The session has ended; the browser is being redirected to the log-in page. */
export class LoggedOut extends Error {}

/** Whether there are accounts, as the server reported when it rendered the page. */
export function accountsHere(): boolean {
  return typeof document !== "undefined" && document.documentElement.dataset.accounts === "on";
}

export function forgetToken(): void {
  kept = null;
}

/** The validity of a token in milliseconds. */
function lifetime(token: string): number {
  try {
    const part = token.split(".")[1] ?? "";
    const { iat, exp } = JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/"))) as { iat: number; exp: number };
    return (exp - iat) * 1000 || 0;
  } catch {
    return 0;
  }
}

async function fetchToken(): Promise<Token> {
  const asked = Date.now();
  const answer = await fetch("/auth/token", { cache: "no-store", signal: AbortSignal.timeout(10_000) });
  if (answer.status === 401) {
    window.location.replace("/log-in");
    throw new LoggedOut("The session has ended; log in again.");
  }
  if (!answer.ok) throw new TypeError(`/auth/token was answered with ${answer.status}`);
  const { token } = (await answer.json()) as { token: string };
  return { text: token, until: asked + lifetime(token) - EARLY };
}

async function current(): Promise<string> {
  if (kept && Date.now() < kept.until) return kept.text;
  // Concurrent requests share one token request.
  fetching ??= fetchToken().finally(() => (fetching = null));
  kept = await fetching;
  return kept.text;
}

/** `fetch` with the user's token; a rejected token is replaced once. */
export async function fetchAsPerson(path: string, init: RequestInit): Promise<Response> {
  if (!accountsHere()) return fetch(path, init);
  const send = async () => {
    const headers = new Headers(init.headers);
    headers.set("Authorization", `Bearer ${await current()}`);
    return fetch(path, { ...init, headers });
  };
  const answer = await send();
  if (answer.status !== 401) return answer;
  forgetToken();
  void answer.body?.cancel();
  return send();
}
