import { expect } from "vitest";
import { patience, type Reader } from "./browser.js";
import { type Demo, descendantsOf, until } from "./support.js";

/** What stands in the row of a side, without its name. */
async function figuresOf(
  reader: Reader,
  side: string,
): Promise<{ readonly running: string; readonly answered: number; readonly lost: number }> {
  const row = reader.page.locator("#replicas tbody tr").filter({ hasText: side });
  const [running = "", answered, , lost] = await row.locator("td").allTextContents();
  return { running, answered: Number(answered), lost: Number(lost) };
}

/**
 * Two replicas of each side, started by the button of the page, of which one is killed after the other until there were so
 * many kills: the gateway loses no call of its hosts, the bare proxy does.
 */
export async function replicasLoseNothing(demo: Demo, reader: Reader, kills: number): Promise<void> {
  const figures = (side: string): ReturnType<typeof figuresOf> => figuresOf(reader, side);
  const press = (name: string): Promise<void> => reader.page.getByRole("button", { name }).click({ timeout: patience });
  const before = descendantsOf(demo.child.pid ?? 0).length;
  // The page asks how it stands, and hears that nothing has begun, before what was pressed reaches the demo.
  const asked = reader.page.waitForResponse((response) => response.url().endsWith("/api/replicas"));
  await reader.page.route("**/api/replicas/start", (route) => asked.then(() => route.continue()));
  await press("Start two replicas of each");
  await reader.reads("#replicas [role=status]", /^0 replicas of each killed/);
  expect(descendantsOf(demo.child.pid ?? 0).length).toBeGreaterThanOrEqual(before + 5);
  for (let killed = 1; killed <= kills; killed += 1) {
    const [gateway, proxy] = [await figures("Minion gateway"), await figures("Bare proxy")];
    const enough = async (side: string, than: number): Promise<boolean> => (await figures(side)).answered > than + 12;
    await until(() => enough("Minion gateway", gateway.answered), "the gateway is under load", patience);
    await until(() => enough("Bare proxy", proxy.answered), "the bare proxy is under load", patience);
    await press("Kill one replica of each");
    await reader.reads("#replicas [role=status]", new RegExp(`^${killed} replicas? of each killed`));
    await until(async () => (await figures("Bare proxy")).lost > proxy.lost, "the bare proxy loses calls", patience);
    const isWhole = async (side: string): Promise<boolean> => (await figures(side)).running === "2 of 2";
    for (const side of ["Minion gateway", "Bare proxy"])
      await until(() => isWhole(side), `${side} has two replicas again`, patience);
    const after = (await figures("Minion gateway")).answered;
    await until(() => enough("Minion gateway", after), "the gateway goes on", patience);
  }
  expect((await figures("Minion gateway")).lost).toBe(0);
  await reader.isAccessible();
  await reader.fitsPhone("replicas-phone");
  await reader.screenshot("replicas");
  expect(reader.complaints, demo.output()).toEqual([]);
}
