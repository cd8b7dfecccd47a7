// Clears the conversation after a confirmation.
import { useRef, useState } from "react";

interface Props {
  disabled: boolean;
  onClear: () => void;
}

export function ClearButton({ disabled, onClear }: Props) {
  const [sure, setSure] = useState(false);
  const clear = useRef<HTMLButtonElement>(null);
  const quiet = "button-quiet h-9 px-3 text-sm disabled:opacity-40";

  function close() {
    setSure(false);
    // The button is in the page again only after this.
    setTimeout(() => clear.current?.focus());
  }

  if (!sure) {
    return (
      <button ref={clear} type="button" className={quiet} disabled={disabled} onClick={() => setSure(true)}>
        Clear history
      </button>
    );
  }
  return (
    <div role="group" aria-label="Clear the whole conversation?" className="flex gap-1">
      <button
        type="button"
        // eslint-disable-next-line jsx-a11y/no-autofocus -- replaces the element that had the focus
        autoFocus
        className={`${quiet} text-danger`}
        onClick={() => {
          onClear();
          document.getElementById("message")?.focus();
          setSure(false);
        }}
      >
        Clear it all
      </button>
      <button type="button" className={quiet} onClick={close}>
        Keep
      </button>
    </div>
  );
}
