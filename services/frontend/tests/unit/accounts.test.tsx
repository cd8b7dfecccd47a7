// @vitest-environment jsdom
// Tests the account forms: requests, error messages, and that no password appears in a URL.
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { AccountForm } from "@/features/accounts/AccountForm";
import { ChangePassword } from "@/features/accounts/ChangePassword";
import { DeleteAccount } from "@/features/accounts/DeleteAccount";
import { LogOut } from "@/features/accounts/LogOut";

const replace = vi.fn();
let sent: [string, unknown][] = [];

function serve(answer: () => Response): void {
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    sent.push([path, JSON.parse(String(init.body))]);
    return answer();
  });
}

beforeEach(() => {
  sent = [];
  replace.mockClear();
  vi.stubGlobal("location", { replace });
});
afterEach(cleanup);

const fill = (label: string, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } });

function logIn(): HTMLFormElement {
  fill("E-mail", " ada@example.org ");
  fill("Password", " with spaces ");
  const form = screen.getByLabelText<HTMLInputElement>("Password").form as HTMLFormElement;
  fireEvent.submit(form);
  return form;
}

it("signs up, and goes to the dashboard", async () => {
  serve(() => Response.json({}));
  render(<AccountForm kind="sign-up" signUp />);
  fill("Name", "Ada");
  const form = logIn();
  await waitFor(() => expect(replace).toHaveBeenCalledWith("/"));
  expect(sent).toEqual([["/auth/sign-up/email", { name: "Ada", email: "ada@example.org", password: " with spaces " }]]);
  // Without scripts, the browser submits the form itself.
  expect(form.method).toBe("post");
});

it.each([
  [401, { code: "INVALID_EMAIL_OR_PASSWORD" }, "The e-mail address or the password is wrong."],
  [429, {}, "Too many attempts: try again in a minute."],
  [503, { code: "ACCOUNTS_UNAVAILABLE", message: "The accounts cannot be reached; try again." }, "The accounts cannot be reached; try again."],
  [502, null, "The server answered with status 502."],
])("says why it was refused: %s", async (status, body, words) => {
  serve(() => Response.json(body, { status }));
  render(<AccountForm kind="log-in" signUp />);
  logIn();
  await waitFor(() => expect(screen.getByRole("alert").textContent).toBe(words));
  expect(replace).not.toHaveBeenCalled();
});

it("logs out, and leaves the page only then", async () => {
  serve(() => Response.json({ message: "Not now." }, { status: 500 }));
  render(<LogOut />);
  fireEvent.click(screen.getByRole("button", { name: "Log out" }));
  await screen.findByText("Not now.");
  serve(() => Response.json({ success: true }));
  fireEvent.click(screen.getByRole("button", { name: "Log out" }));
  await waitFor(() => expect(replace).toHaveBeenCalledWith("/log-in"));
});

it("changes the password, and says so", async () => {
  const answers = [Response.json({ code: "INVALID_PASSWORD" }, { status: 400 }), Response.json({})];
  serve(() => answers.shift() as Response);
  render(<ChangePassword email="ada@example.org" />);
  const send = () => {
    fill("Current password", "old password");
    fill("New password", "new password");
    fireEvent.submit(screen.getByLabelText<HTMLInputElement>("New password").form as HTMLFormElement);
  };
  send();
  await screen.findByText("The password is wrong.");
  expect(screen.getByRole("status").textContent).toBe("");
  send();
  await screen.findByText(/Your password is changed/);
  expect(screen.queryByRole("alert")).toBeNull();
  expect(sent.at(-1)).toEqual([
    "/auth/change-password",
    { currentPassword: "old password", newPassword: "new password", revokeOtherSessions: true },
  ]);
  expect(screen.getByLabelText<HTMLInputElement>("New password").value).toBe("");
});

it("deletes the account after a confirmation with the password", async () => {
  serve(() => Response.json({ success: true }));
  render(<DeleteAccount email="ada@example.org" />);
  fireEvent.click(screen.getByRole("button", { name: "Delete account" }));
  fireEvent.click(screen.getByRole("button", { name: "Keep the account" }));
  expect(sent).toEqual([]);
  fireEvent.click(screen.getByRole("button", { name: "Delete account" }));
  fill("Password", "the password");
  fireEvent.submit(screen.getByLabelText<HTMLInputElement>("Password").form as HTMLFormElement);
  await waitFor(() => expect(replace).toHaveBeenCalledWith("/log-in"));
  expect(sent).toEqual([["/auth/delete-user", { password: "the password" }]]);
});

it("names no way to sign up where nobody can", () => {
  render(<AccountForm kind="log-in" signUp={false} />);
  expect(screen.queryByRole("link")).toBeNull();
  screen.getByText(/New accounts cannot be created here/);
});
