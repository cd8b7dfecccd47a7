// Code that all journeys share: the command line, named steps, and clean-up in every case.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { tasksApi } from "./api.mjs";
import { launch, openWindow } from "./browser.mjs";

const USAGE = "--url URL [--resolve HOST=ADDRESS] [--title TEXT] [--screenshots DIR]";

function options(name) {
  const text = { type: "string" };
  const help = `help: node tests/browser/${name}.mjs ${USAGE}`;
  let values;
  try {
    values = parseArgs({ options: { url: text, resolve: text, title: text, screenshots: text } }).values;
  } catch (error) {
    throw new Error(`${error.message}; ${help}`);
  }
  if (!URL.canParse(values.url ?? "")) throw new Error(`--url is not a URL; ${help}`);
  return { screenshots: "shots", ...values, origin: new URL(values.url).origin };
}

/** Without Playwright's own log, which repeats the calls. */
const plain = (error) => error.message.split("\nCall log:")[0];

/** The time limit of a journey, in milliseconds; a slow one takes twenty seconds. */
const TIMEOUT_MS = 180_000;

/** Rejects on Ctrl-C, on SIGTERM, or when the time limit is reached, so that tasks can be deleted. */
function cutOff() {
  return new Promise((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => reject(new Error(`received ${signal}`)));
    setTimeout(() => reject(new Error(`timed out after ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
  });
}

/** Runs `walk`; exits with 0 only if all of it passed and no task is left behind. */
export async function journey(name, walk) {
  let failed = false;
  const fail = (message) => {
    failed = true;
    console.error(`FAILED ${message}`);
  };
  let given, browser;
  try {
    given = options(name);
    mkdirSync(given.screenshots, { recursive: true });
    browser = await launch(given);
  } catch (error) {
    fail(`${name}: ${error.message}`);
    process.exit(2);
  }
  let at = "opening a window";
  let main, api;
  try {
    main = await openWindow(browser, given.origin);
    api = tasksApi(main.context, main.page);
    const shot = (page, as) => page.screenshot({ path: join(given.screenshots, `${as}.png`), animations: "disabled" });
    const step = async (what, work) => {
      at = what;
      const started = Date.now();
      const result = await work();
      if (main.troubles.length) throw new Error(main.troubles.join("\n  "));
      console.log(`ok ${what} (${Date.now() - started} ms)`);
      return result;
    };
    await Promise.race([walk({ ...given, ...main, browser, api, shot, step }), cutOff()]);
  } catch (error) {
    fail(`${name}, while ${at}, at ${given.url}: ${plain(error)}`);
    const path = join(given.screenshots, `failed-${name}.png`);
    await main?.page.screenshot({ path }).then(
      () => console.error(`  screenshot: ${path}`),
      (problem) => console.error(`  no screenshot: ${plain(problem)}`),
    );
  }
  try {
    await api?.removeMade();
  } catch (error) {
    fail(`${name}, while removing its tasks: ${plain(error)}`);
  }
  await browser.close();
  if (!failed) console.log(`passed: ${name}, screenshots in ${given.screenshots}`);
  process.exit(failed ? 1 : 0);
}
