// Tests the allowed origins, the cookies, and SQLite instead of PostgreSQL.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EMAIL, PASSWORD, SECRET, someone } from "./person";
import { endAll, start } from "./start";

let folder: string;

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "todo-origins-"))));
afterEach(() => {
  endAll();
  rmSync(folder, { recursive: true });
});

function environment(more: Record<string, string> = {}): Record<string, string> {
  const files = { DATABASE_URL: "sqlite:////data/todo.db", AUTH_DATABASE_PATH: join(folder, "accounts.db") };
  return { ...files, BETTER_AUTH_SECRET: SECRET, ...more };
}

describe("a request of another page", () => {
  it.each([
    ["of another origin", { Origin: "http://evil.example" }],
    ["of no origin that it names", { Origin: "null", "Sec-Fetch-Site": "cross-site" }],
  ])("%s is refused", async (_, headers) => {
    const { url } = await start(environment());
    const ada = someone(url);
    await ada.signUp();
    const login = await ada.post("/auth/sign-in/email", { email: EMAIL, password: PASSWORD }, headers);
    expect([login.status, await login.json()]).toMatchObject([403, { code: "INVALID_ORIGIN" }]);
    expect((await ada.post("/auth/sign-out", {}, headers)).status).toBe(403);
    expect((await ada.ask("/auth/token")).status).toBe(200);
    const token = await ada.ask("/auth/token", { headers });
    expect(token.headers.has("access-control-allow-origin")).toBe(false);
  }, 90_000);

  it("is taken from the origins that are named, and from those only", async () => {
    const { url } = await start(environment({ AUTH_ORIGINS: "http://todo-app.local, http://todo-app.localhost:8080" }));
    const from = (Origin: string) => someone(url).post("/auth/sign-in/email", { email: EMAIL, password: PASSWORD }, { Origin });
    expect((await from("http://todo-app.local")).status).toBe(401);
    expect((await from("http://todo-app.localhost:8080")).status).toBe(401);
    expect((await from(url)).status).toBe(403);
  }, 90_000);
});

it("gives cookies that scripts cannot read, and that go over https only where there is https", async () => {
  const { url } = await start(environment());
  const plain = await someone(url).signUp();
  const cookie = plain.headers.getSetCookie().find((text) => text.includes("session_token")) ?? "";
  expect(cookie).toMatch(/^better-auth\.session_token=.*HttpOnly; SameSite=Lax/i);
  expect(cookie).not.toMatch(/secure/i);
  const proxied = someone(url, { "X-Forwarded-Proto": "https", "X-Forwarded-Host": "todo.example" });
  const safe = await proxied.post("/auth/sign-in/email", { email: EMAIL, password: PASSWORD }, { Origin: "https://todo.example" });
  expect(safe.status).toBe(200);
  expect(safe.headers.getSetCookie().join()).toMatch(/^__Secure-better-auth\.session_token=.*HttpOnly; Secure; SameSite=Lax/i);
  expect((await proxied.ask("/")).status).toBe(200);
}, 90_000);

it("keeps accounts in a file of their own, also after the process was killed", async () => {
  const first = await start(environment());
  expect((await someone(first.url).signUp()).status).toBe(200);
  endAll();
  const second = await start(environment());
  const ada = someone(second.url);
  expect((await ada.logIn()).status).toBe(200);
  expect(await ada.token()).toMatch(/^ey/);
}, 90_000);

describe("a setting that cannot be used", () => {
  it.each([
    ["BETTER_AUTH_SECRET", { BETTER_AUTH_SECRET: "short" }],
    ["AUTH_DATABASE_PATH", { AUTH_DATABASE_PATH: "" }],
    ["AUTH_ORIGINS", { AUTH_ORIGINS: "todo-app.local" }],
    ["DATABASE_URL", { DATABASE_URL: "mysql://u:pass-canary@h/d" }],
  ])("%s is named, with help, and without its value", async (name, more) => {
    const { url, log } = await start(environment(more));
    expect((await someone(url).signUp()).status).toBe(503);
    expect(log()).toContain(name);
    expect(log()).toContain("help: ");
    expect(log()).not.toContain("pass-canary");
  }, 90_000);
});

it("has no accounts without DATABASE_URL, and the page is there for everybody", async () => {
  const { url } = await start({});
  expect((await fetch(url)).status).toBe(200);
  expect((await fetch(`${url}/log-in`, { redirect: "manual" })).headers.get("location")).toBe("/");
  expect((await fetch(`${url}/auth/token`)).status).toBe(404);
}, 90_000);
