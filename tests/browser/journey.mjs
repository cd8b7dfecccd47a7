// The journey of a new user: sign up, log in, the four messages of the specification, change the password, and
// delete the account.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { checkAccessibility } from "./accessibility.mjs";
import { openWindow } from "./browser.mjs";
import { journey } from "./walk.mjs";

const LOOKS = {
  "journey-dark": { colorScheme: "dark" },
  "journey-mobile": { viewport: { width: 375, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};

/** The time limit of one answer, in milliseconds; a real model takes longer than the mock. */
const ANSWER = 60_000;

await journey("journey", async ({ url, origin, title, browser, context, page, api, troubles, shot, step }) => {
  const some = randomBytes(4).toString("hex");
  const email = `journey-${some}@example.org`;
  const password = `canary ${randomBytes(9).toString("base64url")}`;
  const button = (name) => page.getByRole("button", { name, exact: true });
  const box = (of) => page.getByRole("checkbox", { name: of });
  const messages = page.getByRole("list", { name: "Messages" }).locator(":scope > li");
  const at = (path) => page.waitForURL(new URL(path, origin).href);

  async function logIn(secret) {
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Password").fill(secret);
    await page.keyboard.press("Enter");
  }

  /** Sends a message, and returns the entry of the answer once it is finished. */
  async function say(sentence, ...tools) {
    const before = await messages.count();
    await page.getByLabel("Message to the assistant").fill(sentence);
    await page.keyboard.press("Enter");
    const answer = messages.nth(before + 1);
    await answer.and(page.locator('[aria-busy="false"]')).waitFor({ timeout: ANSWER });
    const alert = page.getByRole("region", { name: "Assistant" }).getByRole("alert");
    assert.deepEqual(await alert.allTextContents(), [], `no answer to “${sentence}”`);
    const used = answer.getByRole("list", { name: "Tools that were used" });
    for (const tool of tools) {
      await used.getByRole("listitem").filter({ hasText: tool }).getByText("Done").first().waitFor();
    }
    return answer;
  }

  await step("opening the page, which requires a log-in", async () => {
    await page.goto(url);
    await at("/log-in");
    await page.getByRole("heading", { name: "Log in" }).waitFor();
    if (title) assert.equal(await page.title(), title, "the title is not what NEXT_PUBLIC_APP_TITLE says");
    await checkAccessibility(page);
    await shot(page, "journey-log-in");
  });

  await step("signing up", async () => {
    await page.getByRole("link", { name: "Sign up" }).click();
    await at("/sign-up");
    await page.getByLabel("Name").fill("Ada of the journey");
    await checkAccessibility(page);
    await shot(page, "journey-sign-up");
    await logIn(password);
    await at("/");
    await page.getByRole("banner").getByText(email).waitFor();
    await page.getByText("Nothing to do yet").waitFor();
  });

  await step("logging out; a wrong password is rejected", async () => {
    await button("Log out").click();
    await at("/log-in");
    await logIn(`${password}!`);
    await page.getByRole("alert").getByText("The e-mail address or the password is wrong.").waitFor();
    // Chromium itself reports a response with an error status.
    assert.deepEqual(troubles.splice(0).filter((trouble) => !/^console: .* status of 401/.test(trouble)), []);
  });

  await step("logging in", async () => {
    await logIn(password);
    await at("/");
    await page.getByText("Say what is to be done. For example:").waitFor();
    await shot(page, "journey-dashboard");
  });

  await step("“Add a task to buy groceries”", async () => {
    await say("Add a task to buy groceries", "add_task");
    await box(/buy groceries/i).waitFor();
    // A second task, so that the first and the last are different.
    await say("Add a task to call the dentist", "add_task");
    await box(/call the dentist/i).waitFor();
  });

  await step("“Show me all my tasks”", async () => {
    const answer = await say("Show me all my tasks", "list_tasks");
    await answer.getByText(/buy groceries/i).last().waitFor();
    await shot(page, "journey-chat");
    await checkAccessibility(page);
  });

  await step("“Mark the first task as complete”", async () => {
    await say("Mark the first task as complete", "complete_task");
    await box(/buy groceries/i).and(page.locator(":checked")).waitFor();
    assert.equal(await box(/call the dentist/i).isChecked(), false, "another task than the first is done");
  });

  await step("“Delete the last task”", async () => {
    await say("Delete the last task", "delete_task");
    await box(/call the dentist/i).waitFor({ state: "detached" });
    await box(/buy groceries/i).waitFor();
  });

  await step("deleting a task, and undoing it", async () => {
    await page.getByRole("button", { name: /^Delete “buy groceries”$/i }).click();
    await box(/buy groceries/i).waitFor({ state: "detached" });
    await button("Undo").waitFor();
    await checkAccessibility(page);
    await shot(page, "journey-undo");
    await button("Undo").click();
    await box(/buy groceries/i).and(page.locator(":checked")).waitFor();
  });

  await step("reloading: the conversation is kept", async () => {
    await page.reload();
    await messages.filter({ hasText: "Delete the last task" }).waitFor();
    assert.equal(await messages.count(), 10, "a message is missing, or there twice");
    await shot(page, "journey-history");
  });

  for (const [as, look] of Object.entries(LOOKS)) {
    await step(`taking a screenshot of ${as} and checking accessibility`, async () => {
      const storageState = await context.storageState();
      const window = await openWindow(browser, origin, { reducedMotion: "reduce", storageState, ...look });
      await window.page.goto(url);
      await window.page.getByText("Delete the last task").first().waitFor();
      await shot(window.page, as);
      await checkAccessibility(window.page);
      const wide = await window.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      assert.ok(!wide, "the page is wider than the window");
      await window.context.close();
      assert.deepEqual(window.troubles, []);
    });
  }

  await step("clearing the history", async () => {
    await button("Clear history").click();
    await button("Clear it all").click();
    await page.getByText("Say what is to be done. For example:").waitFor();
    await page.reload();
    await page.getByText("Say what is to be done. For example:").waitFor();
  });

  const another = `${password} of the account page`;
  await step("changing the password on the account page", async () => {
    await page.getByRole("link", { name: `Account of ${email}` }).click();
    await at("/account");
    await page.getByRole("heading", { name: "Your account", exact: true }).waitFor();
    await checkAccessibility(page);
    await shot(page, "journey-account");
    await page.getByLabel("Current password").fill(password);
    await page.getByLabel("New password").fill(another);
    await page.keyboard.press("Enter");
    await page.getByText("Your password is changed.").waitFor();
  });

  await step("logging out, and in with the new password", async () => {
    await button("Log out").click();
    await at("/log-in");
    await page.goto(url);
    await at("/log-in");
    await logIn(another);
    await at("/");
    await box(/buy groceries/i).waitFor();
  });

  await step("deleting the account", async () => {
    await page.goto(new URL("/account", origin).href);
    await button("Delete account").click();
    await page.getByLabel("Password", { exact: true }).fill(another);
    await checkAccessibility(page);
    await shot(page, "journey-delete");
    await button("Delete everything").click();
    await at("/log-in");
    api.forget();
    await logIn(another);
    await page.getByRole("alert").getByText("The e-mail address or the password is wrong.").waitFor();
    assert.deepEqual(troubles.splice(0).filter((trouble) => !/^console: .* status of 401/.test(trouble)), []);
  });
});
