import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChaosProcess, chaosCommand, spawnChaosServer } from "@minion/chaos";
import { afterAll, beforeAll, expect } from "vitest";
import { inBrowser, patience, Reader } from "./browser.js";
import { type Demo, startDemo, until } from "./support.js";

const limitMs = 200_000;
const everything = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js");
const calm = ["calm-1", "calm-2", "calm-3"];

let folder: string | undefined;
let remote: ChaosProcess;
let silent: ChaosProcess;
let demo: Demo | undefined;
let reader: Reader;

/** Eleven servers, one of each kind of failure among them. */
function configuration(): object {
  const stdio = chaosCommand({ maxLifeMs: 1_000 });
  return {
    ...Object.fromEntries(calm.map((name) => [name, stdio])),
    remote: { url: remote.url },
    silent: { url: silent.url },
    everything: { command: process.execPath, args: [everything, "stdio"] },
    guarded: { url: remote.url, oauth: { clientId: "x" } },
    templated: { ...stdio, args: [...stdio.args, "--replica", `\${NOT_TO_BE_FOUND}`] },
    unlicensed: chaosCommand({ maxLifeMs: 1_000, faults: { failStart: "no licence key: set LICENCE_KEY" } }),
    misspelt: { comand: "node" },
    resting: { ...stdio, disabled: true },
  };
}

beforeAll(async () => {
  const opened = await Reader.open(async () => {
    folder = mkdtempSync(join(tmpdir(), "minion-own-"));
    [remote, silent] = await Promise.all([spawnChaosServer(), spawnChaosServer()]);
    const file = join(folder, "mcp.json");
    writeFileSync(file, JSON.stringify({ mcpServers: configuration() }));
    demo = startDemo("--port", "0", "--config", file);
    return demo.url;
  });
  if (opened === undefined) return;
  reader = opened;
  await reader.page.waitForSelector(reader.cardOf("remote"), { timeout: patience });
}, limitMs);

afterAll(async () => {
  await reader?.close();
  demo?.child.kill("SIGTERM");
  await demo?.exited;
  await Promise.all([remote?.close(), silent?.close()]);
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}, 30_000);

function onPage(name: string, run: () => Promise<void>): void {
  inBrowser(name, run, limitMs);
}

onPage("M20: the terminal tells what became of each entry: ignored, unresolved, unusable, switched off", async () => {
  const said = demo?.output() ?? "";
  expect(said).toMatch(/9 of 11 servers can be used, 1 cannot, 1 switched off in the file\./);
  expect(said).toMatch(/guarded: "oauth": .*without it/);
  expect(said).toMatch(/templated: variable NOT_TO_BE_FOUND: it was found nowhere/);
  expect(said).toMatch(/misspelt: cannot be used\. .*misspelt/);
  expect(said).toMatch(/resting: switched off in the file/);
});

onPage("the page says what it shows: the servers of the file, no bare SDK, nothing to break", async () => {
  await reader.reads("#intro", /The servers of mcp\.json, each pinged once a second/);
  await reader.reads("#disabled", /not shown: resting/);
  for (const name of [...calm, "remote", "everything", "guarded", "templated"]) await reader.shows(name, /● healthy/);
  await reader.shows("remote", /It answers a ping in [\d.]+ [mµ]?s/);
  const all = await reader.text("body");
  expect(all).not.toMatch(/bare SDK|Break one|Kill|Restore/i);
  expect(await reader.page.locator("#load").isVisible()).toBe(false);
});

onPage("what of an entry is ignored, and what cannot be used, stands on the server's card", async () => {
  await reader.shows("guarded", /"oauth": .*without it/);
  await reader.shows("templated", /variable NOT_TO_BE_FOUND: it was found nowhere and stays as it is/);
  await reader.shows("misspelt", /✕ cannot be used .* ERR_MCP_CONFIG once, at .*mcp\.json/);
});

onPage("an error of a start is shown with the last lines of stderr, how often, and what to do", async () => {
  await reader.shows("unlicensed", /○ unavailable/);
  await reader.shows("unlicensed", /ERR_MCP_CONNECT \d+ times since .*, last at/);
  await reader.shows("unlicensed", /no licence key: set LICENCE_KEY/);
  await reader.shows("unlicensed", /Check its configuration and that it runs/);
});

onPage(
  "eleven servers stay tellable: each line has a colour and a pattern of its own, a click shows it alone",
  async () => {
    const lines = await reader.page
      .locator("#legend .sample")
      .evaluateAll((samples) => samples.map((sample) => String(Reflect.get(sample, "outerHTML"))));
    expect(lines).toHaveLength(10);
    expect(new Set(lines).size).toBe(10);
    const chart = reader.page.locator("#charts [role=img]").first();
    const button = reader.page.locator("#legend").getByRole("button", { name: "calm-2" });
    await button.click();
    await until(
      async () => /now: calm-2 [^,]*$/.test(String(await chart.getAttribute("aria-label"))),
      "the chart shows calm-2 alone",
      patience,
    );
    expect(await button.getAttribute("aria-pressed")).toBe("true");
    await reader.screenshot("own-alone");
    await button.click();
    await until(
      async () => /calm-1.*remote/.test(String(await chart.getAttribute("aria-label"))),
      "the chart shows all again",
      patience,
    );
  },
);

onPage("a server that takes pings and answers none is shown as silent, and for how long", async () => {
  await reader.shows("silent", /● healthy/);
  await silent.control({ set: { hangEverything: true } });
  await reader.shows("silent", /○ unavailable It does not answer. A ping has waited for its answer for \d+ s/);
  await reader.screenshot("own-failures");
  await silent.control({ reset: true });
});

onPage("a tool of one's own server is called by hand", async () => {
  const card = reader.page.locator(reader.cardOf("everything"));
  await card.getByText("Tools: read about them").click();
  const tool = card.locator(".tool").filter({ has: reader.page.locator('summary code:text-is("echo")') });
  await tool.locator("> summary").click();
  await tool.getByLabel("Arguments, as JSON").fill('{"message": "by hand"}');
  await tool.getByRole("button", { name: "Call echo" }).click();
  await tool.getByText(/Echo: by hand/).waitFor({ timeout: patience });
  const long = card.locator(".tool").filter({ hasText: "trigger-long-running-operation" });
  await long.locator("> summary").click();
  await long.getByLabel("Arguments, as JSON").fill('{"duration": 600, "steps": 2}');
  await long.getByRole("button", { name: "Call trigger-long-running-operation" }).click();
  await long.getByRole("button", { name: "Stop waiting" }).click();
  await long.getByText(/You stopped waiting\. The call was cancelled/).waitFor({ timeout: patience });
  const metrics = async (): Promise<string> => (await fetch(new URL("/metrics", reader.page.url()))).text();
  await until(
    async () => /^mcp_client_calls_cancelled_total\{[^}]*server="everything"[^}]*\} [1-9]/m.test(await metrics()),
    "it is cancelled",
    patience,
  );
  await card.getByText("Tools: read about them").click();
});

for (const scheme of ["light", "dark"] as const) {
  onPage(`axe finds nothing to say, and a phone shows all of it, in ${scheme}`, async () => {
    await reader.page.emulateMedia({ colorScheme: scheme });
    await reader.isAccessible();
    await reader.screenshot(`own-${scheme}`);
    await reader.fitsPhone(`own-phone-${scheme}`);
  });
}

onPage("a killed HTTP server is shown as dead within three seconds, and with no latency of its own", async () => {
  await reader.shows("remote", /● healthy/);
  // Timed in the page, so that a slow test does not count.
  const seen = reader.page.evaluate(`new Promise((resolve) => {
    const card = document.querySelector('.server[data-server="remote"]');
    const look = () => card.innerText.includes("○ unavailable") && resolve(Date.now());
    new MutationObserver(look).observe(card, { subtree: true, childList: true, characterData: true });
  })`);
  const killed = Date.now();
  process.kill(remote.pid, "SIGKILL");
  expect(Number(await seen) - killed).toBeLessThan(3_000);
  await reader.shows("remote", /It does not answer: the last ping failed/);
  await reader.shows("remote", /ERR_MCP_\w+ \d+ times/);
  await reader.reads("#events", /remote does not answer/);
});

onPage("an error goes when it is no longer true: the server is back at its address", async () => {
  const port = Number(new URL(remote.url).port);
  await remote.close();
  remote = await spawnChaosServer({ port });
  await reader.shows("remote", /● healthy It answers/);
  const error = reader.page.locator(`${reader.cardOf("remote")} .error`);
  await until(async () => !(await error.isVisible()), "the error is gone", patience);
  await reader.reads("#events", /remote works again: ERR_MCP_\w+ came/);
});

onPage("the page made no complaint, and no request to any other host", async () => {
  expect(reader.complaints, demo?.output()).toEqual([]);
});
