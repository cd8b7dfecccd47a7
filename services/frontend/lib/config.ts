// Settings from the environment, read on use.

/**
 * A build replaces `process.env.NEXT_PUBLIC_…` with the value at build time. A computed name prevents this,
 * so that one image works in every environment.
 */
export function read(name: string): string {
  return process.env[name]?.trim() ?? "";
}

/** The title in the header and the browser tab. */
export function appTitle(): string {
  return read("NEXT_PUBLIC_APP_TITLE") || "Todo Chatbot";
}

/** The backend URL for this server; the browser does not use it. */
export function apiUrl(): string {
  return read("NEXT_PUBLIC_API_URL") || "http://backend:8000";
}

export function logLevel(): string {
  return read("LOG_LEVEL").toUpperCase() || "INFO";
}
