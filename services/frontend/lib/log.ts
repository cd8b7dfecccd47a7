// Log lines of the server: one JSON object each, with the fields that the other services write.
import { logLevel } from "@/lib/config";

const LEVELS = ["debug", "info", "warning", "error"] as const;

type Level = (typeof LEVELS)[number];

function wanted(level: Level): boolean {
  const least = LEVELS.findIndex((name) => name === logLevel().toLowerCase());
  return LEVELS.indexOf(level) >= (least < 0 ? LEVELS.indexOf("info") : least);
}

export function log(level: Level, message: string, fields: Record<string, unknown> = {}): void {
  if (!wanted(level)) return;
  const line = { time: new Date().toISOString(), level, message, logger: "todo_frontend", ...fields };
  // eslint-disable-next-line no-console -- the one place that writes
  console.log(JSON.stringify(line));
}
