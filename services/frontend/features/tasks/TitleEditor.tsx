// Edits a title in place: Enter saves, Escape cancels.
import { type FormEvent, useEffect, useRef, useState } from "react";
import { TITLE_LENGTH } from "@/lib/api";
import { oneLine } from "./text";

interface Props {
  title: string;
  /** Called with the new title, or with null if nothing changes. */
  onClose: (title: string | null) => void;
}

export function TitleEditor({ title, onClose }: Props) {
  const [text, setText] = useState(title);
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => field.current?.select(), []);

  function submit(event: FormEvent) {
    event.preventDefault();
    onClose(oneLine(text) || null);
  }

  return (
    <form onSubmit={submit} className="flex flex-wrap gap-2">
      <input
        ref={field}
        className="field h-11 min-w-40 flex-1 px-3"
        aria-label={`New title of “${title}”`}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onClose(null);
        }}
        maxLength={TITLE_LENGTH}
        autoComplete="off"
        enterKeyHint="done"
      />
      <button type="submit" className="button-primary">
        Save
      </button>
      <button type="button" className="button-quiet" onClick={() => onClose(null)}>
        Cancel
      </button>
    </form>
  );
}
