// A tool call: name, arguments and result.
import { Icon } from "@/components/Icon";
import type { ToolUse } from "./state";

const RESULTS = {
  ok: { label: "Done", icon: "check", colour: "text-accent" },
  failed: { label: "Failed", icon: "warning", colour: "text-danger" },
  stopped: { label: "No answer", icon: "warning", colour: "text-muted" },
} as const;

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The arguments as text. A model may send anything: a value that is not an object is shown as received. */
function inWords(given: unknown): string {
  if (given === null || typeof given !== "object") return given === undefined ? "" : shown(given);
  const named = Object.entries(given).filter(([, value]) => value !== "" && value !== null);
  return named.map(([name, value]) => `${name}: ${shown(value)}`).join(", ");
}

export function ToolCall({ tool }: { tool: ToolUse }) {
  const result = tool.result && RESULTS[tool.result];
  const words = inWords(tool.arguments);
  return (
    <li className="flex items-start gap-2 rounded-lg border border-line bg-canvas px-2.5 py-1.5 text-sm">
      <Icon name="tool" className="mt-0.5 size-4 text-muted" />
      <div className="min-w-0 flex-1">
        <p className="wrap-anywhere">
          <code className="font-semibold">{tool.name}</code>
          {words && <span className="text-muted"> {words}</span>}
        </p>
        {tool.result === "failed" && tool.text && <p className="wrap-anywhere text-danger">{tool.text}</p>}
      </div>
      {result ? (
        <span className={`flex items-center gap-1 ${result.colour}`}>
          <Icon name={result.icon} className="size-4" />
          {result.label}
        </span>
      ) : (
        <span className="text-muted motion-safe:animate-pulse">Working…</span>
      )}
    </li>
  );
}
