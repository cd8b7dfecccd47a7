"use client";
// The form for signing up and logging in.
import Link from "next/link";
import { accountsApi } from "./client";
import { Field } from "./Field";
import { Problem } from "./Problem";
import { useForm } from "./useForm";

const WORDS = {
  "sign-up": { title: "Sign up", busy: "Signing up…", other: "Have an account already?", link: "Log in", to: "/log-in" },
  "log-in": { title: "Log in", busy: "Logging in…", other: "No account yet?", link: "Sign up", to: "/sign-up" },
} as const;

interface Props {
  kind: keyof typeof WORDS;
  /** Whether new users may sign up. */
  signUp: boolean;
}

export function AccountForm({ kind, signUp }: Props) {
  const { title, busy, other, link, to } = WORDS[kind];
  const signsUp = kind === "sign-up";
  const { ref, waiting, problem, onSubmit } = useForm(
    (text) => {
      const email = text("email").trim();
      return signsUp
        ? accountsApi.signUp(text("name").trim(), email, text("password"))
        : accountsApi.logIn(email, text("password"));
    },
    // Load a new page, so that nothing of the previous state is kept.
    () => window.location.replace("/"),
  );

  return (
    <section aria-labelledby="account" className="panel mx-auto flex max-w-md flex-col gap-6 p-6 sm:p-8">
      <h1 id="account" className="text-2xl font-bold tracking-tight">
        {title}
      </h1>
      {problem && <Problem text={problem} />}
      {/* POST: if scripts are disabled, submitting must not put the password into the URL. */}
      <form ref={ref} method="post" onSubmit={onSubmit} className="flex flex-col gap-4">
        {signsUp && <Field name="name" label="Name" autoComplete="name" maxLength={100} />}
        <Field name="email" label="E-mail" type="email" autoComplete="email" maxLength={254} />
        <Field
          name="password"
          label="Password"
          type="password"
          autoComplete={signsUp ? "new-password" : "current-password"}
          {...(signsUp ? { minLength: 8, hint: "At least 8 characters." } : {})}
          maxLength={128}
        />
        <button type="submit" className="button-primary mt-2 h-12 aria-disabled:opacity-70" aria-disabled={waiting}>
          {waiting ? busy : title}
        </button>
      </form>
      {signUp ? (
        <p className="text-muted">
          {other}{" "}
          <Link href={to} className="font-medium text-accent underline underline-offset-2">
            {link}
          </Link>
        </p>
      ) : (
        <p className="text-muted">New accounts cannot be created here. Ask the administrator for an account.</p>
      )}
    </section>
  );
}
