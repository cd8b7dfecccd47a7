// The messages, the latest at the bottom and kept in view.
import { useEffect, useRef } from "react";
import type { Message } from "./state";
import { ToolCall } from "./ToolCall";

/** Pixels from the bottom within which the view follows new messages. */
const NEAR = 80;

function Words({ message }: { message: Message }) {
  const { role, text, end } = message;
  if (text) return <p className="wrap-anywhere whitespace-pre-line">{text}</p>;
  if (role === "assistant" && end === null && message.tools.length === 0) {
    return <p className="text-muted motion-safe:animate-pulse">Thinking…</p>;
  }
  return null;
}

function Entry({ message }: { message: Message }) {
  const { role, tools, end } = message;
  const mine = role === "user";
  return (
    <li
      aria-busy={end === null}
      className={`flex max-w-[92%] flex-col gap-2 rounded-2xl px-3.5 py-2.5 ${mine ? "self-end bg-accent-soft" : "self-start bg-sunken"}`}
    >
      <span className="sr-only">{mine ? "You:" : "Assistant:"}</span>
      {tools.length > 0 && (
        <ul aria-label="Tools that were used" className="flex flex-col gap-1.5">
          {tools.map((tool, place) => (
            <ToolCall key={place} tool={tool} />
          ))}
        </ul>
      )}
      <Words message={message} />
      {end === "stopped" && <p className="text-sm text-muted">You stopped this answer.</p>}
      {end === "failed" && <p className="text-sm text-danger">This answer was not finished.</p>}
    </li>
  );
}

export function Conversation({ messages }: { messages: Message[] }) {
  const frame = useRef<HTMLDivElement>(null);
  const follows = useRef(true);

  useEffect(() => {
    const shown = frame.current;
    const mine = messages.at(-1)?.text === "" && messages.at(-1)?.end === null;
    if (shown && (follows.current || mine)) shown.scrollTop = shown.scrollHeight;
  }, [messages]);

  return (
    <div
      ref={frame}
      // A scrollable region must be reachable by keyboard.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- see above
      tabIndex={0}
      role="group"
      aria-label="Conversation"
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        follows.current = scrollHeight - scrollTop - clientHeight < NEAR;
      }}
      className="min-h-0 flex-1 overflow-y-auto rounded-lg p-4"
    >
      <ol aria-label="Messages" className="flex flex-col gap-3">
        {messages.map((message) => (
          <Entry key={message.key} message={message} />
        ))}
      </ol>
    </div>
  );
}
