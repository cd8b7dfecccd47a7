"use client";
// The form for a new password.
import { useState } from "react";
import { accountsApi } from "./client";
import { Field } from "./Field";
import { Problem } from "./Problem";
import { useForm } from "./useForm";

export function ChangePassword({ email }: { email: string }) {
  const [changed, setChanged] = useState(false);
  const { ref, waiting, problem, onSubmit } = useForm(
    (text) => {
      setChanged(false);
      return accountsApi.changePassword(text("current-password"), text("new-password"));
    },
    (form) => {
      form.reset();
      setChanged(true);
    },
  );
  return (
    <section aria-labelledby="change-password" className="panel flex flex-col gap-4 p-6">
      <h2 id="change-password" className="text-lg font-semibold">
        Change your password
      </h2>
      {problem && <Problem text={problem} />}
      <p role="status" className={changed ? "" : "sr-only"}>
        {changed ? "Your password is changed. Your other devices are logged out." : ""}
      </p>
      <form ref={ref} method="post" onSubmit={onSubmit} className="flex flex-col gap-4">
        {/* For password managers. */}
        <input type="hidden" name="username" autoComplete="username" value={email} readOnly />
        <Field name="current-password" label="Current password" type="password" autoComplete="current-password" maxLength={128} />
        <Field
          name="new-password"
          label="New password"
          type="password"
          autoComplete="new-password"
          minLength={8}
          maxLength={128}
          hint="At least 8 characters."
        />
        <button type="submit" className="button-primary h-12 aria-disabled:opacity-70" aria-disabled={waiting}>
          {waiting ? "Changing…" : "Change password"}
        </button>
      </form>
    </section>
  );
}
