// The message input. Enter sends, Shift+Enter inserts a new line; "Stop" cancels an answer.
import { type FormEvent, type KeyboardEvent, useRef, useState } from "react";
import { Icon } from "@/components/Icon";
import { MESSAGE_LENGTH } from "./client";

interface Props {
  answering: boolean;
  /** Resolves to false if the message could not be sent. */
  onAsk: (text: string) => Promise<boolean>;
  onStop: () => void;
}

export function Composer({ answering, onAsk, onStop }: Props) {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);

  async function submit(event?: FormEvent) {
    event?.preventDefault();
    const question = text.trim();
    if (!question || answering) return;
    setText("");
    field.current?.focus();
    // Restore the text, unless the user has typed something new.
    if (!(await onAsk(question))) setText((now) => now || question);
  }

  function onKeyDown(event: KeyboardEvent) {
    // During IME composition (Japanese, for example), Enter confirms the word.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void submit();
  }

  return (
    <form onSubmit={(event) => void submit(event)} className="flex items-end gap-2 border-t border-line p-3">
      <label htmlFor="message" className="sr-only">
        Message to the assistant
      </label>
      <textarea
        ref={field}
        id="message"
        rows={2}
        className="field flex-1 resize-none px-3 py-2 text-base"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
        placeholder="Add a task to …"
        maxLength={MESSAGE_LENGTH}
        autoComplete="off"
        enterKeyHint="send"
      />
      {answering ? (
        <button
          type="button"
          className="button-quiet gap-1.5 border border-edge"
          onClick={() => {
            onStop();
            field.current?.focus();
          }}
        >
          <Icon name="stop" />
          Stop
        </button>
      ) : (
        // A different key than that of "Stop": a second press must not send.
        <button key="send" type="submit" className="button-primary px-4">
          <Icon name="send" />
          Send
        </button>
      )}
    </form>
  );
}
