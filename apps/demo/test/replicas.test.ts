import { afterAll, beforeAll, expect } from "vitest";
import { inBrowser, patience, Reader } from "./browser.js";
import { type Demo, descendantsOf, startDemo, until } from "./support.js";

const limitMs = 200_000;
let demo: Demo | undefined;
let reader: Reader;

beforeAll(async () => {
  const opened = await Reader.open(() => {
    demo = startDemo("--port", "0");
    return demo.url;
  });
  if (opened === undefined) return;
  reader = opened;
}, limitMs);

afterAll(async () => {
  await reader?.close();
  demo?.child.kill("SIGTERM");
  await demo?.exited;
}, 30_000);

/** What stands in the row of a side, without its name. */
async function figuresOf(
  side: string,
): Promise<{ readonly running: string; readonly answered: number; readonly lost: number }> {
  const row = reader.page.locator("#replicas tbody tr").filter({ hasText: side });
  const [running = "", answered, , lost] = await row.locator("td").allTextContents();
  return { running, answered: Number(answered), lost: Number(lost) };
}

inBrowser(
  "G2: a replica of the gateway that is killed under load loses no call of its hosts; one of a bare proxy does",
  async () => {
    const press = (name: string): Promise<void> =>
      reader.page.getByRole("button", { name }).click({ timeout: patience });
    const before = descendantsOf(demo?.child.pid ?? 0).length;
    // The page asks how it stands, and hears that nothing has begun, before what was pressed reaches the demo.
    const asked = reader.page.waitForResponse((response) => response.url().endsWith("/api/replicas"));
    await reader.page.route("**/api/replicas/start", (route) => asked.then(() => route.continue()));
    await press("Start two replicas of each");
    await reader.reads("#replicas [role=status]", /^0 replicas of each killed/);
    expect(descendantsOf(demo?.child.pid ?? 0).length).toBeGreaterThanOrEqual(before + 5);
    for (const kills of [1, 2]) {
      const [gateway, proxy] = [await figuresOf("Minion gateway"), await figuresOf("Bare proxy")];
      const enough = async (side: string, than: number): Promise<boolean> =>
        (await figuresOf(side)).answered > than + 12;
      await until(() => enough("Minion gateway", gateway.answered), "the gateway is under load", patience);
      await until(() => enough("Bare proxy", proxy.answered), "the bare proxy is under load", patience);
      await press("Kill one replica of each");
      await reader.reads("#replicas [role=status]", new RegExp(`^${kills} replicas? of each killed`));
      await until(
        async () => (await figuresOf("Bare proxy")).lost > proxy.lost,
        "the bare proxy loses calls",
        patience,
      );
      const isWhole = async (side: string): Promise<boolean> => (await figuresOf(side)).running === "2 of 2";
      for (const side of ["Minion gateway", "Bare proxy"])
        await until(() => isWhole(side), `${side} has two replicas again`, patience);
      const after = (await figuresOf("Minion gateway")).answered;
      await until(() => enough("Minion gateway", after), "the gateway goes on", patience);
    }
    expect((await figuresOf("Minion gateway")).lost).toBe(0);
    await reader.isAccessible();
    await reader.fitsPhone("replicas-phone");
    await reader.screenshot("replicas");
    expect(reader.complaints, demo?.output()).toEqual([]);
  },
  limitMs,
);
