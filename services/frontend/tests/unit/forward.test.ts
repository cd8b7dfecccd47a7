// Tests forwarding of requests to the backend over real connections.
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { forward, PATIENCE } from "@/lib/forward";

let backend: Server | undefined;

beforeEach(() => void vi.spyOn(console, "log").mockReturnValue());

afterEach(() => {
  vi.useRealTimers();
  backend?.closeAllConnections();
  backend?.close();
  backend = undefined;
});

async function listen(handler: RequestListener, path = ""): Promise<void> {
  backend = createServer(handler);
  await new Promise<void>((resolve) => backend?.listen(0, "127.0.0.1", resolve));
  const { port } = backend.address() as AddressInfo;
  vi.stubEnv("NEXT_PUBLIC_API_URL", `http://127.0.0.1:${port}${path}`);
}

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return forward(new Request(`http://todo-app.local${path}`, init));
}

async function read(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

describe("what is passed on", () => {
  it("method, path, query, body and type, and the answer's status, type and body", async () => {
    await listen((request, response) => {
      void read(request).then((body) => {
        const { method, url, headers } = request;
        response.writeHead(418, { "Content-Type": "text/x-tea" });
        response.end(JSON.stringify({ method, url, body, type: headers["content-type"], id: headers["x-request-id"] }));
      });
    });
    const headers = { "Content-Type": "application/json", "X-Request-ID": "abc.1" };
    const init = { method: "PATCH", headers, body: '{"completed":true}' };
    const answer = await ask("/api/tasks/7?status=all", init);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([418, "text/x-tea"]);
    expect(answer.headers.get("x-request-id")).toBe("abc.1");
    expect(await answer.json()).toEqual({
      method: "PATCH",
      url: "/api/tasks/7?status=all",
      body: '{"completed":true}',
      type: "application/json",
      id: "abc.1",
    });
  });

  it("an answer without a body, and more than one cookie", async () => {
    await listen((_, response) => {
      response.writeHead(204, [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]].flat()).end();
    });
    const answer = await ask("/api/tasks/7", { method: "DELETE" });
    expect([answer.status, answer.body]).toEqual([204, null]);
    expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
  });

  it("a redirect as it is, without following it", async () => {
    await listen((_, response) => response.writeHead(307, { Location: "/elsewhere" }).end());
    const answer = await ask("/api/tasks/");
    expect([answer.status, answer.headers.get("location")]).toEqual([307, "/elsewhere"]);
  });

  it("below the path of the backend's address", async () => {
    await listen((request, response) => response.end(request.url), "/base/");
    expect(await (await ask("/api/tasks")).text()).toBe("/base/api/tasks");
  });
});

describe("what is not passed on", () => {
  it("headers of the connection, in both directions", async () => {
    await listen((request, response) => {
      response.setHeader("Keep-Alive", "timeout=99");
      response.setHeader("Proxy-Authenticate", "Basic");
      response.end(JSON.stringify(request.headers));
    });
    const headers = { Connection: "close, X-Mine", "X-Mine": "1", TE: "trailers", "X-Other": "2" };
    const answer = await ask("/api/tasks", { headers });
    const seen = (await answer.json()) as Record<string, string>;
    expect(seen).not.toHaveProperty("x-mine");
    expect(seen).not.toHaveProperty("te");
    expect(seen).toHaveProperty("x-other", "2");
    expect(seen.host).toMatch(/^127\.0\.0\.1:/);
    for (const name of ["keep-alive", "proxy-authenticate", "transfer-encoding"]) {
      expect(answer.headers.has(name)).toBe(false);
    }
  });

  it.each(["/api/%2e%2e/internal/tasks", "/api\\..\\internal", "/api/../internal"])("%s", async (path) => {
    const asked = vi.fn();
    await listen(asked);
    const answer = await ask(path);
    expect(answer.status).toBe(404);
    expect(asked).not.toHaveBeenCalled();
  });

  it("an id that would spoil the log", async () => {
    await listen((request, response) => response.end(request.headers["x-request-id"]));
    const answer = await ask("/api/tasks", { headers: { "X-Request-ID": "x".repeat(65) } });
    expect(await answer.text()).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe("a backend in trouble", () => {
  it("is away: 502 in the shape of the API, and the cause in the log", async () => {
    vi.stubEnv("NEXT_PUBLIC_API_URL", "http://127.0.0.1:1");
    const answer = await ask("/api/tasks", { headers: { "X-Request-ID": "abc" } });
    expect(answer.status).toBe(502);
    const message = "The server cannot be reached; try again.";
    expect(await answer.json()).toEqual({ error: { code: "backend_unavailable", message }, request_id: "abc" });
    expect(answer.headers.get("x-request-id")).toBe("abc");
    expect(vi.mocked(console.log).mock.calls.join()).toContain("cannot reach the backend");
  });

  it("has no proper address: 502", async () => {
    vi.stubEnv("NEXT_PUBLIC_API_URL", "backend");
    expect((await ask("/api/tasks")).status).toBe(502);
  });

  it("is silent: 504 when the patience is over", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    let reached: () => void = () => undefined;
    const silent = new Promise<void>((resolve) => (reached = resolve));
    await listen(() => reached());
    const answer = ask("/api/tasks");
    await silent;
    await vi.advanceTimersByTimeAsync(PATIENCE);
    expect((await answer).status).toBe(504);
    expect(await (await answer).json()).toHaveProperty("error.code", "backend_timeout");
  });
});
