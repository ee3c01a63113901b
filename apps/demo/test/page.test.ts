import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromiumPath, type Demo, startDemo, until } from "./support.js";

const isRequired = process.env.MINION_REQUIRE_CHROMIUM === "1";
const inBrowser = test.skipIf(chromiumPath === undefined && !isRequired);
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const screens = fileURLToPath(new URL("../reports/screens/", import.meta.url));
const patience = 20_000;

let demo: Demo;
let url = "";
let browser: Browser | undefined;
let context: BrowserContext | undefined;
let page: Page;
const complaints: string[] = [];
const foreign: string[] = [];

beforeAll(async () => {
  mkdirSync(screens, { recursive: true });
  if (chromiumPath === undefined) {
    if (isRequired) throw new Error("There is no Chromium: install it, or unset MINION_REQUIRE_CHROMIUM");
    return;
  }
  demo = startDemo("--port", "0");
  url = await demo.url;
  browser = await chromium.launch({
    executablePath: chromiumPath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  context = await browser.newContext({
    viewport: { width: 1280, height: 1000 },
    reducedMotion: "reduce",
    bypassCSP: true,
  });
  page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) foreign.push(request.url());
  });
  await page.goto(url);
  await page.waitForSelector('.server[data-server="chaos-stdio"]', { timeout: patience });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  if (chromiumPath === undefined) return;
  demo.child.kill("SIGTERM");
  await demo.exited;
}, 30_000);

/** What a person reads there. */
async function text(selector: string): Promise<string> {
  return String(await page.evaluate(`document.querySelector(${JSON.stringify(selector)}).innerText`));
}

/** The text of a server's card. */
async function card(server: string): Promise<string> {
  return (await text(`.server[data-server="${server}"]`)).replace(/\s+/g, " ");
}

async function press(server: string, button: string): Promise<void> {
  await page.locator(`.server[data-server="${server}"]`).getByRole("button", { name: button }).click();
}

async function shows(server: string, pattern: RegExp): Promise<void> {
  await until(async () => pattern.test(await card(server)), `${server} shows ${pattern}`, patience).catch(
    async (error: Error) => {
      throw new Error(`${error.message}; it shows: ${await card(server)}`);
    },
  );
}

async function healthy(server: string): Promise<void> {
  await press(server, "Restore");
  await shows(server, /● healthy/);
  await shows(server, /breaker closed/);
}

async function happened(pattern: RegExp): Promise<void> {
  await until(async () => pattern.test(await text("#events")), `the events say ${pattern}`, patience);
}

inBrowser(
  "the page shows every server healthy, and the numbers move",
  async () => {
    for (const server of ["everything", "filesystem", "memory", "everything-http", "chaos-http", "chaos-stdio"])
      await shows(server, /● healthy/);
    await shows("everything", /Minion [1-9]/);
    const before = await page.locator("#charts [role=img]").first().getAttribute("aria-label");
    await page.locator("#rate").fill("12");
    await until(
      async () => (await page.locator("#charts [role=img]").first().getAttribute("aria-label")) !== before,
      "the first chart moves",
      patience,
    );
    await shows("everything", /Minion (9|1[0-9]) 0 /);
    await page.locator("#rate").fill("4");
    await page.screenshot({ path: `${screens}healthy.png`, fullPage: true });
  },
  90_000,
);

inBrowser(
  "a frozen server: its breaker opens, refusals take no time, others are untouched, a probe brings it back",
  async () => {
    await press("chaos-http", "Freeze");
    await shows("chaos-http", /breaker (open|half-open)/);
    await shows("chaos-http", /○ unavailable/);
    await happened(/chaos-http breaker open/);
    await shows("everything", /● healthy/);
    await page.screenshot({ path: `${screens}frozen.png` });
    await healthy("chaos-http");
  },
  90_000,
);

inBrowser(
  "a killed stdio server comes back by itself; the bare SDK's does not",
  async () => {
    await press("everything", "Kill");
    await happened(/everything was killed/);
    await happened(/everything has a new connection/);
    await shows("everything", /Minion [1-9]\d* 0 .*Bare SDK 0 [1-9]/);
    await healthy("everything");
    await shows("everything", /Bare SDK [1-9]\d* 0 /);
  },
  90_000,
);

inBrowser(
  "a server that fails every call is left alone until it is restored",
  async () => {
    await press("chaos-http", "Make fail");
    await shows("chaos-http", /breaker (open|half-open)/);
    await healthy("chaos-http");
  },
  90_000,
);

inBrowser(
  "a server that forgets its sessions is reached again at once; the bare SDK is lost",
  async () => {
    await press("chaos-http", "Forget sessions");
    await happened(/chaos-http has forgotten all its sessions/);
    await shows("chaos-http", /Minion [1-9]\d* 0 .*Bare SDK 0 [1-9]/);
    await healthy("chaos-http");
  },
  90_000,
);

inBrowser(
  "a slow server shows in its own latency only",
  async () => {
    await press("chaos-stdio", "Slow down");
    await shows("chaos-stdio", /Minion \d+ \d+ [\d.]+ m?s 1\.\d s/);
    await shows("everything", /● healthy/);
    await healthy("chaos-stdio");
  },
  90_000,
);

inBrowser(
  "a flood of changes refreshes the list and nothing else",
  async () => {
    await press("chaos-http", "Flood with changes");
    await happened(/chaos-http sends 200 notices/);
    await happened(/chaos-http has \d+ tools, freshly listed/);
    await shows("chaos-http", /● healthy/);
  },
  60_000,
);

inBrowser(
  "every button says by its state what is broken",
  async () => {
    await press("memory", "Freeze");
    const button = page.locator('.server[data-server="memory"]').getByRole("button", { name: "Freeze" });
    await until(async () => (await button.getAttribute("aria-pressed")) === "true", "Freeze is pressed", patience);
    await healthy("memory");
    await until(async () => (await button.getAttribute("aria-pressed")) === "false", "Freeze is released", patience);
  },
  60_000,
);

for (const scheme of ["light", "dark"] as const) {
  inBrowser(
    `axe finds nothing to say about the page in ${scheme}`,
    async () => {
      await page.emulateMedia({ colorScheme: scheme });
      await page.addScriptTag({ path: axe });
      const violations = await page.evaluate(
        "axe.run().then((result) => result.violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.html).join(' ')))",
      );
      expect(violations).toEqual([]);
      await page.screenshot({ path: `${screens}${scheme}.png` });
    },
    60_000,
  );
}

inBrowser(
  "the page fits a phone without sideways scrolling",
  async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    const overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    expect(overflow).toBe(0);
    await page.screenshot({ path: `${screens}phone.png`, fullPage: true });
    await page.setViewportSize({ width: 1280, height: 1000 });
  },
  60_000,
);

inBrowser(
  "the buttons work by keyboard",
  async () => {
    const button = page.locator('.server[data-server="filesystem"]').getByRole("button", { name: "Kill" });
    await button.focus();
    await page.keyboard.press("Enter");
    await happened(/filesystem was killed/);
    await healthy("filesystem");
  },
  60_000,
);

inBrowser("the page made no complaint, and no request to any other host", () => {
  expect(complaints, demo.output()).toEqual([]);
  expect(foreign).toEqual([]);
});

inBrowser(
  "the page survives a restart of the demo",
  async () => {
    const port = new URL(url).port;
    demo.child.kill("SIGTERM");
    await demo.exited;
    await until(async () => /trying again/.test(await text("#connection")), "the page says that it is alone", patience);
    demo = startDemo("--port", port);
    await demo.url;
    await until(async () => (await text("#connection")) === "Live.", "the page is live again", patience);
    await shows("everything", /● healthy/);
  },
  90_000,
);
