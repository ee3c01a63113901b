import { afterAll, beforeAll, expect, test } from "vitest";
import { inBrowser, patience, Reader } from "./browser.js";
import { endsCleanly, runsWhole } from "./ends.js";
import { everyPanelHasAnAnswer, withPrometheus } from "./real-prometheus.js";
import { replicasLoseNothing } from "./replicas-scene.js";
import { type Demo, descendantsOf, isAlive, startDemo, until } from "./support.js";

// One demo for all of them, since its dozen processes take longer to start than most of the tests last: the tests stand in
// the order of its life.

const limitMs = 200_000;
const servers = ["everything", "filesystem", "memory", "everything-http", "chaos-http", "chaos-stdio"];

let demo: Demo;
let reader: Reader;

beforeAll(async () => {
  demo = startDemo("--port", "0");
  await demo.url;
  const opened = await Reader.open(() => demo.url);
  if (opened === undefined) return;
  reader = opened;
  await reader.page.waitForSelector(reader.cardOf("chaos-stdio"), { timeout: patience });
}, limitMs);

afterAll(async () => {
  await reader?.close();
  demo.child.kill("SIGTERM");
  await demo.exited;
}, 30_000);

const happened = (pattern: RegExp): Promise<void> => reader.reads("#events", pattern);

async function healthy(server: string): Promise<void> {
  await reader.press(server, "Restore");
  await reader.shows(server, /● healthy/);
  await reader.shows(server, /breaker closed/);
}

/** A test of the page as it stands then. */
function onPage(name: string, run: () => Promise<void>): void {
  inBrowser(name, run, limitMs);
}

onPage("the page says that servers can be broken, shows every one healthy, and the numbers move", async () => {
  await reader.reads("#intro", /through the bare SDK. Break one/);
  for (const server of servers) await reader.shows(server, /● healthy/);
  await reader.shows("everything", /Minion [1-9]/);
  const chart = reader.page.locator("#charts [role=img]").first();
  const before = await chart.getAttribute("aria-label");
  await reader.page.locator("#rate").fill("40");
  await until(async () => (await chart.getAttribute("aria-label")) !== before, "the first chart moves", patience);
  await reader.shows("everything", /Minion (9|[1-9]\d) \d/);
  await reader.page.locator("#rate").fill("4");
  await reader.screenshot("healthy");
});

onPage("a frozen server: its breaker opens, others are untouched, a probe brings it back", async () => {
  await reader.press("chaos-http", "Freeze");
  await happened(/chaos-http was frozen/);
  await reader.shows("chaos-http", /breaker (open|half-open)/);
  await reader.shows("chaos-http", /○ unavailable/);
  await happened(/chaos-http breaker open/);
  await reader.shows("everything", /● healthy/);
  await reader.screenshot("frozen");
  await healthy("chaos-http");
});

onPage("an error is shown whole, with its time and how often, and goes when it is no longer true", async () => {
  await reader.press("chaos-http", "Fail every call");
  await happened(/chaos-http was made to fail at every call/);
  await reader.shows("chaos-http", /ERR_MCP_\w+ (\d+ times since \d.*, last|once,) at \d/);
  await reader.shows("chaos-http", /server "chaos-http" .*(500|ERR_MCP_HTTP)/i);
  await happened(/chaos-http fails: ERR_MCP_\w+; its card has the whole text/);
  await reader.screenshot("failing");
  await healthy("chaos-http");
  const isGone = async (): Promise<boolean> =>
    !(await reader.page.locator(`${reader.cardOf("chaos-http")} .error`).isVisible());
  await until(isGone, "the error is gone", patience);
  await happened(/chaos-http works again: ERR_MCP_\w+ came/);
});

onPage("Restore stands out only when something is broken", async () => {
  const needed = (server: string) => reader.page.locator(`${reader.cardOf(server)} .restore.needed`).count();
  await until(async () => (await needed("everything")) === 0, "nothing is broken yet", patience);
  await reader.press("everything", "Kill");
  await until(async () => (await needed("everything")) === 1, "Restore stands out", patience);
  expect(await needed("filesystem")).toBe(0);
  await happened(/everything was killed/);
  await happened(/everything has a new connection/);
  await reader.shows("everything", /Minion [1-9]\d* 0 .*Bare SDK 0 [1-9]/);
  await healthy("everything");
  await until(async () => (await needed("everything")) === 0, "nothing is broken any more", patience);
  await reader.shows("everything", /Bare SDK [1-9]\d* 0 /);
});

onPage("a server that forgets its sessions is reached again at once; the bare SDK is lost", async () => {
  await reader.press("chaos-http", "Forget sessions");
  await happened(/chaos-http has forgotten all its sessions/);
  await reader.shows("chaos-http", /Minion [1-9]\d* 0 .*Bare SDK 0 [1-9]/);
  await healthy("chaos-http");
  await happened(/chaos-http was restored/);
});

onPage("a slow server shows in its own latency only", async () => {
  await reader.press("chaos-stdio", "Slow down");
  await happened(/chaos-stdio was made slow/);
  await reader.shows("chaos-stdio", /Minion \d+ \d+ [\d.]+ m?s [1-9]\.\d s/);
  await reader.shows("everything", /● healthy/);
  await healthy("chaos-stdio");
});

onPage("a flood of changes refreshes the list and nothing else", async () => {
  await reader.press("chaos-http", "Flood with changes");
  await happened(/chaos-http sends 200 notifications/);
  await happened(/chaos-http has \d+ tools, freshly listed/);
  await reader.shows("chaos-http", /● healthy/);
});

onPage("every button says by its state what is broken", async () => {
  await reader.press("memory", "Freeze");
  const button = reader.page.locator(reader.cardOf("memory")).getByRole("button", { name: "Freeze" });
  await until(async () => (await button.getAttribute("aria-pressed")) === "true", "Freeze is pressed", patience);
  await healthy("memory");
  await until(async () => (await button.getAttribute("aria-pressed")) === "false", "Freeze is released", patience);
});

onPage("pool, breaker and cache are explained where they are seen, by mouse and by keyboard", async () => {
  const card = reader.page.locator(reader.cardOf("filesystem"));
  await card.getByRole("button", { name: "breaker" }).click();
  await reader.page.getByText("A server that keeps failing is left alone").waitFor({ state: "visible" });
  await reader.page.keyboard.press("Escape");
  await card.getByRole("button", { name: "connections" }).focus();
  await reader.page.keyboard.press("Enter");
  await reader.page.getByText("lets many calls share one").waitFor({ state: "visible" });
  await reader.page.keyboard.press("Escape");
  await card.getByRole("button", { name: "tool list from cache" }).click();
  await reader.page.getByText("came from memory").waitFor({ state: "visible" });
  await reader.page.keyboard.press("Escape");
});

onPage("a tool is read about and called by hand: its text, its image, its error", async () => {
  const card = reader.page.locator(reader.cardOf("everything"));
  await card.getByText("Tools: read about them").click();
  const tool = (name: string) =>
    card.locator(".tool").filter({ has: reader.page.locator(`summary code:text-is("${name}")`) });
  await tool("get-sum").locator("> summary").click();
  await reader.reads(`${reader.cardOf("everything")} .tool[open]`, /sum of two numbers/i);
  await tool("get-sum").getByLabel("Arguments, as JSON").fill('{"a": 20, "b": 22}');
  await tool("get-sum").getByRole("button", { name: "Call get-sum" }).click();
  await tool("get-sum").getByText(/is 42/).waitFor({ timeout: patience });
  await tool("get-sum").getByLabel("Arguments, as JSON").fill("{a: 20}");
  await tool("get-sum").getByRole("button", { name: "Call get-sum" }).click();
  await tool("get-sum")
    .getByText(/not valid JSON/)
    .waitFor({ timeout: patience });
  await tool("get-sum").getByLabel("Arguments, as JSON").fill('{"a": "x"}');
  await tool("get-sum").getByRole("button", { name: "Call get-sum" }).click();
  await tool("get-sum").locator(".output .bad").waitFor({ timeout: patience });
  await tool("get-tiny-image").locator("> summary").click();
  await tool("get-tiny-image").getByRole("button", { name: "Call get-tiny-image" }).click();
  const image = tool("get-tiny-image").getByRole("img");
  await image.waitFor({ timeout: patience });
  await until(
    async () => Number(await image.evaluate((shown) => Reflect.get(shown, "naturalWidth"))) > 0,
    "it is drawn",
    patience,
  );
  await reader.screenshot("tools");
});

for (const scheme of ["light", "dark"] as const) {
  onPage(`axe finds nothing to say about the page in ${scheme}, with its tools open`, async () => {
    await reader.page.emulateMedia({ colorScheme: scheme });
    await reader.isAccessible();
    await reader.screenshot(scheme);
  });
}

onPage("the page fits a phone without sideways scrolling, light and dark", async () => {
  await reader.fitsPhone("phone-dark");
  await reader.page.emulateMedia({ colorScheme: "light" });
  await reader.fitsPhone("phone");
});

onPage("the buttons work by keyboard", async () => {
  const button = reader.page.locator(reader.cardOf("filesystem")).getByRole("button", { name: "Kill" });
  await button.focus();
  await reader.page.keyboard.press("Enter");
  await happened(/filesystem was killed/);
  await healthy("filesystem");
});

withPrometheus(
  "O5: a real Prometheus scrapes the real demo, and every panel, rule and alert of the package has an answer",
  async () => {
    await everyPanelHasAnAnswer(await demo.url);
  },
  limitMs,
);

onPage(
  "G2: a replica of the gateway that is killed under load loses no call of its hosts; one of a bare proxy does",
  async () => {
    // The scene has hosts of its own.
    await reader.page.locator("#rate").fill("0");
    await replicasLoseNothing(demo, reader, 1);
  },
);

onPage("the page made no complaint, and no request to any other host", async () => {
  expect(reader.complaints, demo.output()).toEqual([]);
});

test("SIGTERM while the page is up leaves no process and ends the demo within 5 s", async () => {
  await runsWhole(demo);
  await endsCleanly(demo, "SIGTERM");
}, 60_000);

onPage("the page survives a restart of the demo", async () => {
  const { port } = new URL(reader.page.url());
  await reader.reads("#connection", /trying again/);
  demo = startDemo("--port", port);
  await demo.url;
  await reader.reads("#connection", /^Live\.$/);
  await reader.shows("everything", /● healthy/);
});

test("kill -9 of the demo leaves no process", async () => {
  if (demo.child.exitCode !== null) demo = startDemo("--port", "0"); // Without Chromium it was not started again.
  await demo.url;
  await runsWhole(demo);
  const pids = descendantsOf(demo.child.pid ?? 0);
  demo.child.kill("SIGKILL");
  await demo.exited;
  await until(() => !pids.some(isAlive), "no process of the demo is alive");
}, 60_000);
