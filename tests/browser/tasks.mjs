// The journey of a user with tasks: add, find, change, complete, filter, reload, delete.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { checkAccessibility } from "./accessibility.mjs";
import { openWindow } from "./browser.mjs";
import { journey } from "./walk.mjs";

const LOOKS = {
  "tasks-light": { colorScheme: "light" },
  "tasks-dark": { colorScheme: "dark" },
  "tasks-mobile": { viewport: { width: 375, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};

const SHOWN = [
  { title: "Plan the week", description: "Monday first: it fills itself otherwise." },
  { title: "Buy groceries", done: true },
  { title: "Book train tickets to Vienna" },
  { title: "Call the dentist", done: true },
  { title: "Read the chapter on probes" },
];

await journey("tasks", async ({ url, origin, title, browser, page, troubles, api, shot, step }) => {
  const name = `Buy milk ${randomBytes(3).toString("hex")}`;
  const renamed = `${name} and bread`;
  const box = (of) => page.getByRole("checkbox", { name: of, exact: true });
  const filter = (label) => page.getByRole("group", { name: "Show" }).getByRole("button", { name: label });
  const saved = (method) =>
    page.waitForResponse((answer) => answer.request().method() === method && answer.ok());

  await step("opening the page", async () => {
    await page.goto(url);
    await page.getByRole("heading", { name: "Tasks" }).waitFor();
    await page.getByText("Loading the tasks").waitFor({ state: "detached" });
    const tab = await page.title();
    assert.notEqual(tab, "", "the tab has no title");
    if (title) assert.equal(tab, title, "the title is not what NEXT_PUBLIC_APP_TITLE says");
    await page.getByRole("banner").getByText(tab, { exact: true }).waitFor();
  });

  await step("adding a task with the keyboard", async () => {
    await page.getByLabel("New task").fill(name);
    await Promise.all([saved("POST"), page.keyboard.press("Enter")]);
    await box(name).and(page.locator(":enabled")).waitFor();
    assert.equal(await page.getByLabel("New task").inputValue(), "", "the field is not empty again");
  });

  await step("changing its title", async () => {
    await page.getByRole("button", { name: `Edit “${name}”` }).click();
    await page.getByLabel(`New title of “${name}”`).fill(renamed);
    await Promise.all([saved("PATCH"), page.getByRole("button", { name: "Save" }).click()]);
    await box(renamed).waitFor();
  });

  await step("completing it", async () => {
    await Promise.all([saved("PATCH"), box(renamed).click()]);
    assert.equal(await box(renamed).isChecked(), true);
  });

  await step("filtering", async () => {
    await filter("Open").click();
    await box(renamed).waitFor({ state: "detached" });
    await filter("Done").click();
    await box(renamed).waitFor();
  });

  await step("reloading: the task is kept and still completed", async () => {
    await page.reload();
    await box(renamed).waitFor();
    assert.equal(await box(renamed).isChecked(), true);
    assert.equal(await filter("Done").getAttribute("aria-pressed"), "true", "the filter is forgotten");
    const row = (await api.list()).find((task) => task.title === renamed);
    assert.equal(row?.completed, true, "the API does not know that it is done");
  });

  await step("reopening it", async () => {
    await filter("All").click();
    await Promise.all([saved("PATCH"), box(renamed).click()]);
    assert.equal(await box(renamed).isChecked(), false);
  });

  await step("a rejected change is reported, reverted, and succeeds when retried", async () => {
    const error = { code: "unavailable", message: "Not now; try again." };
    const refuse = (route) =>
      route.request().method() === "PATCH"
        ? route.fulfill({ status: 503, json: { error, request_id: "" } })
        : route.fallback();
    await page.route("**/api/tasks/*", refuse);
    await box(renamed).click();
    const notice = page.getByRole("alert").filter({ hasText: `“${renamed}” could not be changed` });
    await notice.waitFor();
    assert.equal(await box(renamed).isChecked(), false, "the change is not taken back");
    const { width, height } = await notice.boundingBox();
    assert.ok(width > height, "the notice does not fit its words");
    await shot(page, "tasks-refused");
    await page.unroute("**/api/tasks/*", refuse);
    // Chromium itself reports a response with an error status.
    assert.deepEqual(troubles.splice(0).filter((trouble) => !/^console: .* status of 503/.test(trouble)), []);
    await Promise.all([saved("PATCH"), notice.getByRole("button", { name: "Try again" }).click()]);
    assert.equal(await box(renamed).isChecked(), true);
    await notice.waitFor({ state: "detached" });
  });

  await step("deleting it", async () => {
    await Promise.all([saved("DELETE"), page.getByRole("button", { name: `Delete “${renamed}”` }).click()]);
    await box(renamed).waitFor({ state: "detached" });
    assert.ok(!(await api.list()).some((task) => task.title === renamed), "the API still has it");
  });

  await step("adding tasks for the screenshots", async () => {
    for (const { done, ...task } of SHOWN) {
      const { id } = await api.add(task);
      if (done) await api.complete(id);
    }
  });

  for (const [as, look] of Object.entries(LOOKS)) {
    await step(`taking a screenshot of ${as} and checking accessibility`, async () => {
      const window = await openWindow(browser, origin, { reducedMotion: "reduce", ...look });
      await window.page.goto(url);
      await window.page.getByRole("checkbox", { name: "Read the chapter on probes" }).last().waitFor();
      await shot(window.page, as);
      await checkAccessibility(window.page);
      const wide = await window.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
      assert.ok(!wide, "the page is wider than the window");
      await window.context.close();
      assert.deepEqual(window.troubles, []);
    });
  }
});
