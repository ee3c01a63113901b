import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect, test } from "vitest";
import { chromiumPath, until } from "./support.js";

const isRequired = process.env.MINION_REQUIRE_CHROMIUM === "1";
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const screens = fileURLToPath(new URL("../reports/screens/", import.meta.url));

/** A test that needs Chromium: left out where there is none, unless MINION_REQUIRE_CHROMIUM is 1. */
export const inBrowser = test.skipIf(chromiumPath === undefined && !isRequired);
/** How long a page may take to show something, on a machine that is ten times slower. */
export const patience = 60_000;

/** The page of the demo in Chromium, and what a person finds there. */
export class Reader {
  readonly page: Page;
  /** What the page complained about, and requests to other hosts. */
  readonly complaints: string[] = [];
  readonly #browser: Browser;

  constructor(browser: Browser, page: Page, url: string) {
    this.#browser = browser;
    this.page = page;
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("request", (request) => {
      const isOwn = request.url().startsWith(url) || request.url().startsWith("data:");
      if (!isOwn) this.complaints.push(`a request to ${request.url()}`);
    });
  }

  /** Opens the page at `url`; undefined where there is no Chromium and none is required. */
  static async open(url: () => Promise<string>): Promise<Reader | undefined> {
    mkdirSync(screens, { recursive: true });
    if (chromiumPath === undefined) {
      if (isRequired) throw new Error("There is no Chromium: install it, or unset MINION_REQUIRE_CHROMIUM");
      return undefined;
    }
    const address = await url();
    const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
    const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"];
    const browser = await chromium.launch({ executablePath: chromiumPath, args: [...flags, ...quiet] });
    const viewport = { width: 1280, height: 1000 };
    const context = await browser.newContext({ viewport, reducedMotion: "reduce", bypassCSP: true });
    const reader = new Reader(browser, await context.newPage(), address);
    await reader.page.goto(address);
    return reader;
  }

  close(): Promise<void> {
    return this.#browser.close();
  }

  /** What a person reads there, in one line. */
  async text(selector: string): Promise<string> {
    const text = await this.page.evaluate(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`);
    return String(text).replace(/\s+/g, " ");
  }

  /** The selector of a server's card. */
  cardOf(server: string): string {
    return `.server[data-server="${server}"]`;
  }

  /** Waits until the card of `server` shows `pattern`. */
  async shows(server: string, pattern: RegExp): Promise<void> {
    await this.reads(this.cardOf(server), pattern);
  }

  /** Waits until `selector` shows `pattern`. */
  async reads(selector: string, pattern: RegExp): Promise<void> {
    const condition = async (): Promise<boolean> => pattern.test(await this.text(selector));
    await until(condition, `${selector} shows ${pattern}`, patience).catch(async (error: Error) => {
      throw new Error(`${error.message}; it shows: ${await this.text(selector)}`);
    });
  }

  async press(server: string, button: string): Promise<void> {
    await this.page.locator(this.cardOf(server)).getByRole("button", { name: button, exact: true }).click();
  }

  /** Axe finds nothing to say. */
  async isAccessible(): Promise<void> {
    await this.page.addScriptTag({ path: axe });
    const violations = await this.page.evaluate(
      "axe.run().then((result) => result.violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.html).join(' ')))",
    );
    expect(violations).toEqual([]);
  }

  /** Nothing has to be scrolled sideways on a phone. */
  async fitsPhone(name: string): Promise<void> {
    await this.page.setViewportSize({ width: 390, height: 844 });
    const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    await until(async () => (await this.page.evaluate(overflow)) === 0, "nothing is too wide", patience);
    await this.screenshot(name);
    await this.page.setViewportSize({ width: 1280, height: 1000 });
  }

  async screenshot(name: string): Promise<void> {
    await this.page.screenshot({ path: `${screens}${name}.png`, fullPage: true });
  }
}
