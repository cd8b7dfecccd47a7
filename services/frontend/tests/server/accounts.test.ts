// Tests accounts as in the image, with a PostgreSQL server of the test's own.
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { EMAIL, PASSWORD, SECRET, someone } from "./person";
import { postgres, type Postgres } from "./postgres";
import { backend, endAll, start } from "./start";

let database: Postgres;

beforeAll(async () => {
  database = await postgres();
  await database.start();
}, 90_000);
afterEach(endAll);
afterAll(() => database.remove());

async function begin(more: Record<string, string> = {}) {
  const url = await database.fresh();
  const env = { DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET, ...more };
  return { ...(await start(env)), database: url, env };
}

describe("a user", () => {
  it("signs up, sees the dashboard, logs out, and logs in again", async () => {
    const { url } = await begin();
    const ada = someone(url);
    expect((await ada.ask("/")).headers.get("location")).toBe("/log-in");
    expect(await (await ada.ask("/log-in")).text()).toContain('data-accounts="on"');
    expect((await ada.signUp()).status).toBe(200);
    const page = await ada.ask("/");
    expect(page.status).toBe(200);
    expect(await page.text()).toContain(EMAIL);
    expect((await ada.ask("/log-in")).headers.get("location")).toBe("/");
    expect((await ada.post("/auth/sign-out", {})).status).toBe(200);
    expect((await ada.ask("/")).headers.get("location")).toBe("/log-in");
    expect((await ada.ask("/auth/token")).status).toBe(401);
    expect((await ada.logIn()).status).toBe(200);
    expect((await ada.ask("/")).status).toBe(200);
  }, 90_000);

  it("is refused with a wrong password, and no password is in the log", async () => {
    const { url, log } = await begin({ LOG_LEVEL: "DEBUG" });
    await someone(url).signUp();
    const eve = someone(url);
    const wrong = await eve.logIn("not the canary");
    expect([wrong.status, await wrong.json()]).toMatchObject([401, { code: "INVALID_EMAIL_OR_PASSWORD" }]);
    expect(eve.cookies.size).toBe(0);
    expect((await someone(url).signUp()).status).toBe(422);
    expect(log()).toContain("/auth/sign-in/email");
    for (const secret of [PASSWORD, "not the canary", SECRET, "pass-canary"]) expect(log()).not.toContain(secret);
  }, 90_000);

  it("changes the password, which logs other devices out", async () => {
    const { url } = await begin();
    const [here, there] = [someone(url), someone(url)];
    await here.signUp();
    await there.logIn();
    const change = { currentPassword: PASSWORD, newPassword: "another canary of ada", revokeOtherSessions: true };
    expect((await here.post("/auth/change-password", { ...change, currentPassword: "a guess" })).status).toBe(400);
    expect(await (await here.ask("/account")).text()).toContain("Change your password");
    expect((await here.post("/auth/change-password", change)).status).toBe(200);
    expect((await here.ask("/account")).status).toBe(200);
    expect((await there.ask("/account")).headers.get("location")).toBe("/log-in");
    expect((await there.logIn()).status).toBe(401);
    expect((await there.logIn(change.newPassword)).status).toBe(200);
  }, 90_000);

  it("is deleted with all data by who knows its password only", async () => {
    const api = await backend();
    const { url, database: where } = await begin({ NEXT_PUBLIC_API_URL: api.url });
    const eve = someone(url);
    await eve.signUp();
    const refused = await eve.post("/auth/delete-user", {});
    expect([refused.status, await refused.json()]).toMatchObject([400, { code: "PASSWORD_REQUIRED" }]);
    expect((await eve.post("/auth/delete-user", { password: "a guess" })).status).toBe(400);
    expect(api.requests).toEqual([]);
    // The data first: the account is kept if that fails.
    api.status = 503;
    const kept = await eve.post("/auth/delete-user", { password: PASSWORD });
    expect([kept.status, await kept.json()]).toMatchObject([503, { code: "DATA_NOT_DELETED" }]);
    expect((await eve.logIn()).status).toBe(200);
    api.status = 204;
    const [user] = await database.rows(where, 'SELECT id FROM "user"');
    expect((await eve.post("/auth/delete-user", { password: PASSWORD })).status).toBe(200);
    const keys = createRemoteJWKSet(new URL(`${url}/auth/jwks`));
    const last = api.requests.at(-1);
    expect(last).toMatchObject({ method: "DELETE", url: "/api/account" });
    const token = last?.authorization?.replace("Bearer ", "") ?? "";
    const { payload } = await jwtVerify(token, keys, { issuer: "todo-chatbot", audience: "todo-api" });
    expect(payload.sub).toBe(user?.id);
    expect((await eve.logIn(PASSWORD)).status).toBe(401);
  }, 90_000);

  it("cannot be created where sign-up is off", async () => {
    const { url, env } = await begin();
    expect((await someone(url).signUp()).status).toBe(200);
    endAll();
    const { url: closed } = await start({ ...env, AUTH_SIGN_UP: "off" });
    expect((await someone(closed).signUp("new@example.org")).status).toBe(400);
    expect((await someone(closed).ask("/sign-up")).headers.get("location")).toBe("/log-in");
    expect(await (await someone(closed).ask("/log-in")).text()).toContain("New accounts cannot be created here");
    expect((await someone(closed).logIn()).status).toBe(200);
  }, 90_000);

  it("is slowed down when guessing", async () => {
    const { url } = await begin();
    const eve = someone(url);
    const answers = [];
    for (let attempt = 0; attempt < 31; attempt += 1) answers.push((await eve.logIn(`guess ${attempt}`)).status);
    expect(answers.slice(0, 30).every((status) => status === 401)).toBe(true);
    expect(answers.at(-1)).toBe(429);
  }, 90_000);
});

describe("a pooler in transaction mode", () => {
  it("serves two replicas, which migrate at once", async () => {
    // As Neon shows it, with a mode that a server without TLS accepts.
    const url = `${await database.pooled(await database.fresh())}?sslmode=disable&channel_binding=prefer`;
    const env = { DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET };
    const [one, two] = await Promise.all([start(env), start(env)]);
    expect((await someone(one.url).signUp()).status).toBe(200);
    const same = someone(two.url);
    expect((await same.logIn()).status).toBe(200);
    const answers = await Promise.all(Array.from({ length: 20 }, () => same.ask("/auth/token")));
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 20 }, () => 200));
    // A replica that starts later finds no lock that another session holds.
    expect((await someone((await start(env)).url).logIn()).status).toBe(200);
  }, 90_000);
});

describe("the token", () => {
  it("has the claims of the contract, and the keys of /auth/jwks verify it", async () => {
    const { url, database: where } = await begin();
    const ada = someone(url);
    await ada.signUp();
    const keys = createRemoteJWKSet(new URL(`${url}/auth/jwks`));
    const { payload, protectedHeader } = await jwtVerify(await ada.token(), keys, { issuer: "todo-chatbot", audience: "todo-api" });
    const [user] = await database.rows(where, 'SELECT id FROM "user"');
    expect(payload.sub).toBe(user?.id);
    expect(Object.keys(payload).sort()).toEqual(["aud", "exp", "iat", "iss", "sub"]);
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(900);
    expect(protectedHeader).toEqual({ alg: "EdDSA", kid: expect.any(String) as string });
    const published = JSON.stringify(await (await fetch(`${url}/auth/jwks`)).json());
    expect(published).not.toContain('"d"');
  }, 90_000);

  it("is for the issuer and the audience of the environment", async () => {
    const { url } = await begin({ AUTH_ISSUER: "https://me", AUTH_AUDIENCE: "them" });
    const ada = someone(url);
    await ada.signUp();
    const keys = createRemoteJWKSet(new URL(`${url}/auth/jwks`));
    await jwtVerify(await ada.token(), keys, { issuer: "https://me", audience: "them" });
  }, 90_000);

  it("is signed by a new key when the secret is another one", async () => {
    const { url, env } = await begin();
    await someone(url).signUp();
    endAll();
    const second = await start({ ...env, BETTER_AUTH_SECRET: `${SECRET}-another` });
    const ada = someone(second.url);
    expect((await ada.logIn()).status).toBe(200);
    await jwtVerify(await ada.token(), createRemoteJWKSet(new URL(`${second.url}/auth/jwks`)));
    expect(second.log()).toContain("BETTER_AUTH_SECRET has changed");
  }, 90_000);
});

describe("replicas", () => {
  it("migrate at once, and share sessions and keys", async () => {
    const url = await database.fresh();
    const env = { DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET };
    const all = await Promise.all([start(env), start(env), start(env)]);
    const [one, two] = all;
    const ada = someone(one!.url);
    expect((await ada.signUp()).status).toBe(200);
    const there = someone(two!.url);
    ada.cookies.forEach((value, name) => there.cookies.set(name, value));
    await jwtVerify(await there.token(), createRemoteJWKSet(new URL(`${one!.url}/auth/jwks`)));
    const tables = await database.rows(url, "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1");
    expect(tables.map(({ name }) => name)).toEqual(["account", "jwks", "session", "user", "verification"]);
    expect(await database.rows(url, "SELECT id FROM jwks")).toHaveLength(1);
    for (const { log } of all) expect(log()).not.toContain('"level":"error"');
  }, 90_000);

  it("start before their database, and use it as soon as it is there", async () => {
    const url = await database.fresh();
    await database.stop();
    const { url: page, log } = await start({ DATABASE_URL: url, BETTER_AUTH_SECRET: SECRET });
    const early = await someone(page).signUp();
    expect([early.status, await early.json()]).toMatchObject([503, { code: "ACCOUNTS_UNAVAILABLE" }]);
    expect(log()).toContain("retrying");
    // No user is sent to a replica whose pages would fail; it stays alive.
    const ready = async () => (await fetch(`${page}/readyz`)).status;
    expect([await ready(), (await fetch(`${page}/healthz`)).status]).toEqual([503, 200]);
    await database.start();
    await expect.poll(ready, { timeout: 20_000, interval: 500 }).toBe(200);
    expect((await someone(page).ask("/sign-up")).status).toBe(200);
    await expect.poll(async () => (await someone(page).signUp()).status, { timeout: 20_000, interval: 500 }).toBe(200);
    // Cut the connections again: the pool reconnects automatically.
    await database.stop();
    expect(await ready()).toBe(200);
    await database.start();
    expect((await someone(page).logIn()).status).toBe(200);
  }, 90_000);
});
