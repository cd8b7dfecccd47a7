// @vitest-environment jsdom
// Tests the token: fetched once, renewed in time, replaced once when it is rejected, no loop.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fetchAsPerson, forgetToken, LoggedOut } from "@/lib/token";

const asked: string[] = [];
let count = 0;

function jwt(seconds: number): string {
  const part = (value: unknown) => btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  count += 1;
  return `${part({ alg: "EdDSA" })}.${part({ iat: 1000, exp: 1000 + seconds, n: count })}.${count}`;
}

/** API responses in order; 200 afterwards. */
function serve({ seconds = 900, api = [] as number[], token = 200 }): void {
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    const sent = new Headers(init.headers).get("authorization");
    asked.push(sent ? `${path} ${sent.split(".").at(-1)}` : path);
    if (path === "/auth/token") return token === 200 ? Response.json({ token: jwt(seconds) }) : new Response("", { status: token });
    return new Response("{}", { status: api.shift() ?? 200 });
  });
}

beforeEach(() => {
  document.documentElement.dataset.accounts = "on";
  forgetToken();
  asked.length = 0;
  count = 0;
});
afterEach(() => {
  vi.useRealTimers();
  delete document.documentElement.dataset.accounts;
});

describe("with accounts", () => {
  it("fetches one token for requests at once, and keeps it", async () => {
    serve({});
    await Promise.all([fetchAsPerson("/api/a", {}), fetchAsPerson("/api/b", {})]);
    await fetchAsPerson("/api/c", {});
    expect(asked).toEqual(["/auth/token", "/api/a 1", "/api/b 1", "/api/c 1"]);
  });

  it("renews it before it ends", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    serve({});
    await fetchAsPerson("/api/a", {});
    vi.setSystemTime(Date.now() + 839_000);
    await fetchAsPerson("/api/b", {});
    vi.setSystemTime(Date.now() + 2_000);
    await fetchAsPerson("/api/c", {});
    expect(asked).toEqual(["/auth/token", "/api/a 1", "/api/b 1", "/auth/token", "/api/c 2"]);
  });

  it("replaces one that is refused, once", async () => {
    serve({ api: [401] });
    expect((await fetchAsPerson("/api/a", { method: "POST", body: "x" })).status).toBe(200);
    expect(asked).toEqual(["/auth/token", "/api/a 1", "/auth/token", "/api/a 2"]);
    serve({ api: [401, 401] });
    expect((await fetchAsPerson("/api/b", {})).status).toBe(401);
  });

  it("goes to the log-in where there is no session", async () => {
    const replace = vi.fn();
    vi.stubGlobal("location", { replace });
    serve({ token: 401 });
    await expect(fetchAsPerson("/api/a", {})).rejects.toBeInstanceOf(LoggedOut);
    expect(replace).toHaveBeenCalledWith("/log-in");
    expect(asked).toEqual(["/auth/token"]);
  });
});

it("asks for no token where there are no accounts", async () => {
  document.documentElement.dataset.accounts = "off";
  serve({});
  await fetchAsPerson("/api/a", {});
  expect(asked).toEqual(["/api/a"]);
});
