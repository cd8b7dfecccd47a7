// The form for adding a task.
import { type FormEvent, useState } from "react";
import { Icon } from "@/components/Icon";
import { TITLE_LENGTH } from "@/lib/api";
import { oneLine } from "./text";

interface Props {
  /** Resolves to false if the task could not be saved. */
  onAdd: (title: string) => Promise<boolean>;
}

export function NewTask({ onAdd }: Props) {
  const [text, setText] = useState("");

  async function submit(event: FormEvent) {
    event.preventDefault();
    const title = oneLine(text);
    if (!title) return;
    setText("");
    // Restore the text, unless the user has typed something new.
    if (!(await onAdd(title))) setText((now) => now || title);
  }

  return (
    <form onSubmit={(event) => void submit(event)} className="flex gap-2">
      <label htmlFor="new-task" className="sr-only">
        New task
      </label>
      <input
        id="new-task"
        className="field h-12 flex-1 text-base"
        value={text}
        onChange={(event) => setText(event.target.value)}
        placeholder="What needs to be done?"
        maxLength={TITLE_LENGTH}
        autoComplete="off"
        enterKeyHint="done"
      />
      <button type="submit" className="button-primary h-12 px-4 sm:px-5">
        <Icon name="plus" />
        Add
      </button>
    </form>
  );
}
