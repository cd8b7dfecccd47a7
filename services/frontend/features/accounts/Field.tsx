// A form field with its label and hint.
import type { InputHTMLAttributes } from "react";

interface Props extends InputHTMLAttributes<HTMLInputElement> {
  name: string;
  label: string;
  hint?: string;
}

export function Field({ name, label, hint, ...more }: Props) {
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={name} className="font-medium">
        {label}
      </label>
      <input id={name} name={name} required className="field h-12 text-base" {...(hint ? { "aria-describedby": `${name}-hint` } : {})} {...more} />
      {hint && (
        <p id={`${name}-hint`} className="text-sm text-muted">
          {hint}
        </p>
      )}
    </div>
  );
}
