// What the environment says, read when it is asked for.

/**
 * A build replaces `process.env.NEXT_PUBLIC_…` by the value of that moment. Reading by a computed name
 * escapes that, so that one image serves every environment.
 */
export function read(name: string): string {
  return process.env[name]?.trim() ?? "";
}

/** What the header and the browser's tab show. */
export function appTitle(): string {
  return read("NEXT_PUBLIC_APP_TITLE") || "Todo Chatbot";
}

/** Where this server reaches the API; the browser never goes there itself. */
export function apiUrl(): string {
  return read("NEXT_PUBLIC_API_URL") || "http://backend:8000";
}

export function logLevel(): string {
  return read("LOG_LEVEL").toUpperCase() || "INFO";
}
