// Starts Chromium and records console errors and requests that leave the origin.
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--no-first-run",
];

/** The time limit of a single step, in milliseconds. */
const STEP_TIMEOUT_MS = 15_000;

/** `resolve` is HOST=ADDRESS, for a name that no name server knows. */
export async function launch({ resolve }) {
  const [host, address] = resolve?.split("=") ?? [];
  if (resolve && !(host && address)) {
    throw new Error(`--resolve ${resolve} is not HOST=ADDRESS; help: --resolve todo-app.local=127.0.0.1`);
  }
  return chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    // Chromium must not end on signals: the journey uses it to delete its tasks first.
    handleSIGINT: false,
    handleSIGTERM: false,
    args: host ? [...FLAGS, `--host-resolver-rules=MAP ${host} ${address}`] : FLAGS,
  });
}

/** A new window without cookies or cache; `troubles` collects what should not have happened in it. */
export async function openWindow(browser, origin, look = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...look });
  context.setDefaultTimeout(STEP_TIMEOUT_MS);
  const troubles = [];
  context.on("console", (line) => {
    if (line.type() === "error") troubles.push(`console: ${line.text()}`);
  });
  context.on("weberror", (error) => troubles.push(`exception: ${error.error().message}`));
  context.on("request", (request) => {
    const url = new URL(request.url());
    const local = url.protocol === "data:" || url.protocol === "blob:";
    if (!local && url.origin !== origin) troubles.push(`request that left ${origin}: ${request.url()}`);
  });
  context.on("requestfailed", (request) => {
    const cause = request.failure()?.errorText;
    // Requests that a reload cancels, such as the icon, have not failed.
    if (cause === "net::ERR_ABORTED") return;
    troubles.push(`request failed: ${request.method()} ${request.url()}: ${cause}`);
  });
  return { context, page: await context.newPage(), troubles };
}
