// The API client of the browser: same origin, typed; every failure is an ApiError.
import { fetchAsPerson, LoggedOut } from "./token";

export interface Task {
  id: number;
  title: string;
  description: string | null;
  completed: boolean;
  created_at: string;
  updated_at: string;
}

export type Status = "all" | "open" | "done";
export type TaskFields = Partial<Pick<Task, "title" | "description" | "completed">>;

export const TITLE_LENGTH = 200;
/** Milliseconds. Longer than the server waits for the backend, so that the server can report the cause. */
const PATIENCE = 15_000;

/** A failed request, with a message for the user. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId = "",
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export function failed(error: unknown): ApiError {
  if (error instanceof LoggedOut) return new ApiError(401, "unauthenticated", error.message);
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new ApiError(0, "timeout", "The server took too long; try again.");
  }
  return new ApiError(0, "offline", "The server cannot be reached; try again.");
}

export function refused(status: number, body: unknown): ApiError {
  const { error, request_id: id } = (body ?? {}) as {
    error?: { code?: string; message?: string };
    request_id?: string;
  };
  const message = error?.message ?? `The server answered with status ${status}.`;
  return new ApiError(status, error?.code ?? "error", message, id);
}

export async function request(method: string, path: string, body?: unknown): Promise<unknown> {
  const init: RequestInit = { method, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) };
  if (body !== undefined) {
    init.headers = { "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  let status: number;
  let text: string;
  try {
    const answer = await fetchAsPerson(path, init);
    status = answer.status;
    text = await answer.text();
  } catch (error) {
    throw failed(error);
  }
  let data: unknown;
  try {
    data = text ? JSON.parse(text) : undefined;
  } catch {
    // An ingress returns HTML instead of JSON.
    data = undefined;
  }
  if (status < 200 || status > 299) throw refused(status, data);
  if (status !== 204 && data === undefined) {
    throw new ApiError(status, "bad_answer", "The server's answer could not be read; try again.");
  }
  return data;
}

export const tasksApi = {
  list: async (status: Status = "all") => (await request("GET", `/api/tasks?status=${status}`)) as Task[],
  add: async (title: string, description: string | null = null) =>
    (await request("POST", "/api/tasks", { title, ...(description === null ? {} : { description }) })) as Task,
  change: async (id: number, fields: TaskFields) =>
    (await request("PATCH", `/api/tasks/${id}`, fields)) as Task,
  remove: async (id: number) => {
    await request("DELETE", `/api/tasks/${id}`);
  },
};
