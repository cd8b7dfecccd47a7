"use client";
// Deletes the account with its tasks and conversation, after the password is entered.
import { useState } from "react";
import { accountsApi } from "./client";
import { Field } from "./Field";
import { Problem } from "./Problem";
import { useForm } from "./useForm";

export function DeleteAccount({ email }: { email: string }) {
  const [sure, setSure] = useState(false);
  // Load a new page, so that nothing of the account stays in memory.
  const { ref, waiting, problem, onSubmit } = useForm(
    (text) => accountsApi.deleteAccount(text("password")),
    () => window.location.replace("/log-in"),
  );
  return (
    <section aria-labelledby="delete-account" className="panel flex flex-col gap-4 p-6">
      <h2 id="delete-account" className="text-lg font-semibold">
        Delete your account
      </h2>
      <p className="text-muted">Your account, all your tasks and the conversation are deleted. This cannot be undone.</p>
      {problem && <Problem text={problem} />}
      {sure ? (
        <form ref={ref} method="post" onSubmit={onSubmit} className="flex flex-col gap-4">
          <input type="hidden" name="username" autoComplete="username" value={email} readOnly />
          <Field
            name="password"
            label="Password"
            type="password"
            autoComplete="current-password"
            maxLength={128}
            // eslint-disable-next-line jsx-a11y/no-autofocus -- replaces the element that had the focus
            autoFocus
          />
          <div className="flex gap-3">
            <button type="submit" className="button-quiet h-12 flex-1 text-danger aria-disabled:opacity-70" aria-disabled={waiting}>
              {waiting ? "Deleting…" : "Delete everything"}
            </button>
            <button type="button" className="button-quiet h-12 flex-1" onClick={() => setSure(false)}>
              Keep the account
            </button>
          </div>
        </form>
      ) : (
        <button type="button" className="button-quiet h-12 text-danger" onClick={() => setSure(true)}>
          Delete account
        </button>
      )}
    </section>
  );
}
