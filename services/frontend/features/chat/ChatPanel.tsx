"use client";
// The chat panel: conversation, status and input.
import { Icon } from "@/components/Icon";
import { ClearButton } from "./ClearButton";
import { Composer } from "./Composer";
import { Conversation } from "./Conversation";
import { useChat } from "./useChat";

const EXAMPLES = [
  "Add a task to buy groceries",
  "Show me all my tasks",
  "Mark the first task as complete",
  "Delete the last task",
];

interface Props {
  /** Called when the assistant may have changed tasks. */
  onTasksTouched: () => void;
}

export function ChatPanel({ onTasksTouched }: Props) {
  const { phase, messages, problem, config, ask, stop, clear } = useChat(onTasksTouched);
  const last = messages.at(-1);
  const answering = phase === "answering";
  const asked = messages.some(({ key }) => key.startsWith("asked-"));

  /** For screen readers: announces that an answer is being written, and then the complete answer. */
  function said(): string {
    if (answering) return "The assistant is answering";
    if (!asked || last?.role !== "assistant") return "";
    return last.end === "stopped" ? "The answer was stopped" : last.text;
  }

  return (
    <section id="chat" aria-labelledby="chat-heading" className="panel flex h-[34rem] max-h-[80dvh] scroll-mt-4 flex-col overflow-hidden lg:sticky lg:top-6">
      <div className="flex min-h-14 flex-wrap items-center justify-between gap-2 border-b border-line py-2 pr-2 pl-4">
        <h2 id="chat-heading" className="flex items-center gap-2 font-semibold">
          <Icon name="chat" className="text-accent" />
          Assistant
        </h2>
        <ClearButton disabled={answering || messages.length === 0} onClear={() => void clear()} />
      </div>
      {config?.ai.mock && (
        <p className="border-b border-line bg-sunken px-4 py-2 text-sm">
          A built-in mock answers in place of an AI: it knows simple sentences only.
        </p>
      )}
      {phase === "loading" || messages.length > 0 ? (
        <Conversation messages={messages} />
      ) : (
        <div className="flex min-h-0 flex-1 flex-col gap-2 overflow-y-auto p-4">
          <p className="text-muted">Say what is to be done. For example:</p>
          {EXAMPLES.map((example) => (
            <button
              key={example}
              type="button"
              className="button-quiet h-auto min-h-10 justify-start border border-line py-2 text-left text-sm"
              onClick={() => {
                document.getElementById("message")?.focus();
                void ask(example);
              }}
            >
              {example}
            </button>
          ))}
        </div>
      )}
      {problem && (
        <p role="alert" className="flex gap-2 border-t border-danger/40 bg-danger-soft px-4 py-2 text-sm wrap-anywhere">
          <Icon name="warning" className="text-danger" />
          {problem}
        </p>
      )}
      <Composer answering={answering} onAsk={ask} onStop={stop} />
      <p role="status" className="sr-only">
        {said()}
      </p>
    </section>
  );
}
