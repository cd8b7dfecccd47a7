// Signing up, logging in and out, as the browser asks for it. No password is kept here.

/** Better Auth's codes, in words for people. */
const WORDS: Record<string, string> = {
  INVALID_EMAIL_OR_PASSWORD: "The e-mail address or the password is wrong.",
  USER_ALREADY_EXISTS: "There is an account with this e-mail address already: log in instead.",
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: "There is an account with this e-mail address already: log in instead.",
  INVALID_EMAIL: "This is no e-mail address.",
  PASSWORD_TOO_SHORT: "The password is too short: at least 8 characters.",
  PASSWORD_TOO_LONG: "The password is too long: at most 128 characters.",
  INVALID_ORIGIN: "This address is not one of the application's own (AUTH_ORIGINS).",
};

async function post(path: string, body: Record<string, string>): Promise<string | null> {
  let answer: Response;
  try {
    answer = await fetch(`/auth/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(15_000),
    });
  } catch {
    return "The server cannot be reached; try again.";
  }
  if (answer.ok) return null;
  if (answer.status === 429) return "Too many attempts: wait a minute, and try again.";
  const { code, message } = ((await answer.json().catch(() => null)) ?? {}) as { code?: string; message?: string };
  return (code && WORDS[code]) || message || `The server answered with status ${answer.status}.`;
}

/** Each resolves to null where it worked, and else to a sentence for people. */
export const accountsApi = {
  signUp: (name: string, email: string, password: string) => post("sign-up/email", { name, email, password }),
  logIn: (email: string, password: string) => post("sign-in/email", { email, password }),
  logOut: () => post("sign-out", {}),
};
