// Server logs: one JSON object per line, with the same fields as the other services.
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
  // eslint-disable-next-line no-console -- the only place that writes
  console.log(JSON.stringify(line));
}
