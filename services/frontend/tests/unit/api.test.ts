// Tests the API client: its requests, and how it handles each kind of response.
import { describe, expect, it, vi } from "vitest";
import { type ApiError, tasksApi } from "@/lib/api";
import { refusal, serve, task } from "./support";

async function error(work: Promise<unknown>): Promise<ApiError> {
  return work.then(
    () => Promise.reject(new Error("it succeeded")),
    (reason: ApiError) => reason,
  );
}

describe("the client", () => {
  it("asks for tasks by their status, at its own origin", async () => {
    const server = serve(task(1, "Milk"));
    expect(await tasksApi.list("open")).toEqual([task(1, "Milk")]);
    expect(server.asked).toEqual(["GET /api/tasks?status=open"]);
  });

  it("sends JSON", async () => {
    const fetch = vi.fn(() => Promise.resolve(Response.json(task(1, "Milk"))));
    vi.stubGlobal("fetch", fetch);
    await tasksApi.change(1, { completed: true });
    expect(fetch).toHaveBeenCalledWith(
      "/api/tasks/1",
      expect.objectContaining({
        method: "PATCH",
        body: '{"completed":true}',
        headers: { "Content-Type": "application/json" },
      }),
    );
  });

  it("takes an answer without a body", async () => {
    serve(task(1, "Milk"));
    expect(await tasksApi.remove(1)).toBeUndefined();
  });

  it("passes on what the API says of an error", async () => {
    serve().instead.push(refusal(422, "title: too long"));
    expect(await error(tasksApi.add("x"))).toMatchObject({
      status: 422,
      code: "refused",
      message: "title: too long",
      requestId: "id-of-the-request",
    });
  });

  it.each([
    ["an error page of an ingress", new Response("<h1>Bad Gateway</h1>", { status: 502 }), "error"],
    ["a page where JSON belongs", new Response("<h1>Hello</h1>"), "bad_answer"],
    ["nothing where JSON belongs", new Response(""), "bad_answer"],
  ])("names %s", async (_, answer, code) => {
    serve().instead.push(answer);
    expect((await error(tasksApi.list())).code).toBe(code);
  });

  it.each([
    ["no connection", new TypeError("fetch failed"), "offline"],
    ["no answer in time", new DOMException("", "TimeoutError"), "timeout"],
  ])("names %s", async (_, thrown, code) => {
    vi.stubGlobal("fetch", () => Promise.reject(thrown));
    expect((await error(tasksApi.list())).code).toBe(code);
  });
});
