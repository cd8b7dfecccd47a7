// Accounts in the browser: sign-up, log-in, log-out, a new password, and the end of an account. Passwords are not stored.

/** User messages for the error codes of Better Auth. */
const WORDS: Record<string, string> = {
  INVALID_EMAIL_OR_PASSWORD: "The e-mail address or the password is wrong.",
  USER_ALREADY_EXISTS: "An account with this e-mail address already exists: log in instead.",
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: "An account with this e-mail address already exists: log in instead.",
  INVALID_PASSWORD: "The password is wrong.",
  INVALID_EMAIL: "This is not a valid e-mail address.",
  PASSWORD_TOO_SHORT: "The password is too short: at least 8 characters.",
  PASSWORD_TOO_LONG: "The password is too long: at most 128 characters.",
  INVALID_ORIGIN: "Log-in is not allowed from this address (AUTH_ORIGINS).",
};

async function post(path: string, body: Record<string, string | boolean>): Promise<string | null> {
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
  if (answer.status === 429) return "Too many attempts: try again in a minute.";
  const { code, message } = ((await answer.json().catch(() => null)) ?? {}) as { code?: string; message?: string };
  return (code && WORDS[code]) || message || `The server answered with status ${answer.status}.`;
}

/** Each function resolves to null on success, else to a message for the user. */
export const accountsApi = {
  signUp: (name: string, email: string, password: string) => post("sign-up/email", { name, email, password }),
  logIn: (email: string, password: string) => post("sign-in/email", { email, password }),
  logOut: () => post("sign-out", {}),
  changePassword: (currentPassword: string, newPassword: string) =>
    post("change-password", { currentPassword, newPassword, revokeOtherSessions: true }),
  /** The tasks and the conversation too. */
  deleteAccount: (password: string) => post("delete-user", { password }),
};
