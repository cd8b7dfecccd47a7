// A form that is sent once at a time, and shows why it was refused.
import { type FormEvent, type RefObject, useRef, useState } from "react";

interface Form {
  ref: RefObject<HTMLFormElement | null>;
  waiting: boolean;
  problem: string | null;
  onSubmit: (event: FormEvent) => void;
}

/** `send` resolves to null on success, else to a message for the user; `done` follows a success. */
export function useForm(send: (text: (name: string) => string) => Promise<string | null>, done: (form: HTMLFormElement) => void): Form {
  const [problem, setProblem] = useState<string | null>(null);
  const [waiting, setWaiting] = useState(false);
  const ref = useRef<HTMLFormElement>(null);

  async function submit() {
    const form = ref.current;
    if (waiting || !form) return;
    const given = new FormData(form);
    setWaiting(true);
    setProblem(null);
    const refused = await send((name) => String(given.get(name) ?? ""));
    setWaiting(false);
    if (refused === null) return done(form);
    setProblem(refused);
    form.querySelector<HTMLInputElement>("input[type=password]")?.select();
  }

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    void submit();
  };
  return { ref, waiting, problem, onSubmit };
}
