// Tests the origin of a request behind proxies and from foreign pages.
import { expect, it } from "vitest";
import { comesFromUs, ownOrigin } from "@/lib/auth/origin";

const LISTED = ["http://todo-app.local", "http://todo-app.localhost:8080"];

it.each([
  [{ host: "a.local" }, [], "http://a.local"],
  [{ host: "A.local:80" }, [], "http://a.local"],
  [{ host: "pod:3000", "x-forwarded-host": "a.local, inner", "x-forwarded-proto": "https, http" }, [], "https://a.local"],
  [{ host: "[::1]:3000" }, [], "http://[::1]:3000"],
  [{ host: "a.local/..//x" }, [], null],
  [{ host: "a b" }, [], null],
  [{}, [], null],
  [{ host: "todo-app.localhost:8080" }, LISTED, "http://todo-app.localhost:8080"],
  [{ host: "evil.example" }, LISTED, "http://todo-app.local"],
])("of %j with %j it is %s", (headers, allowed, own) => {
  expect(ownOrigin(new Headers(headers as unknown as Record<string, string>), allowed as string[])).toBe(own);
});

it.each([
  ["POST", { origin: "http://a.local" }, true],
  ["POST", { origin: "https://a.local" }, false],
  ["POST", { origin: "http://a.local.evil.example" }, false],
  ["POST", { origin: "null" }, false],
  ["POST", { "sec-fetch-site": "cross-site" }, false],
  ["POST", { "sec-fetch-site": "same-site" }, false],
  ["POST", {}, true],
  ["GET", { origin: "http://evil.example" }, true],
])("%s with %j comes from us: %s", (method, headers, ours) => {
  const request = new Request("http://pod/auth/x", { method, headers: headers as unknown as Record<string, string> });
  expect(comesFromUs(request, "http://a.local", [])).toBe(ours);
});
