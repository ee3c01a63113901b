import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chaosCommand } from "@minion/chaos";
import { MinionClient } from "@minion/client";
import { expect, test } from "vitest";
import { tourPolicy } from "../src/policies.js";
import { crash } from "../src/steps/faults.js";
import { startDemo } from "./support.js";

test("a start that takes longer than the page would wait is shown by the tour, not failed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "minion-tour-"));
  const journal = join(folder, "journal.jsonl");
  const slow = chaosCommand({ journal, maxLifeMs: 1_000, faults: { startDelayMs: 2_500 } });
  const client = new MinionClient({ servers: { "chaos-stdio": slow }, defaults: tourPolicy });
  try {
    const finding = await crash.run({ client, playground: { journal } });
    expect(finding).toMatchObject({ ok: true, figures: { ran: 1, code: "ERR_MCP_OUTCOME_UNKNOWN" } });
    expect(finding.figures.nextMs).toBeGreaterThan(2_000);
  } finally {
    await client.close();
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);

test("the tour does what it says, step by step, however slow the machine is", async () => {
  const demo = startDemo("--once", "--json", "--port", "0");
  expect(await demo.exited, demo.output()).toBe(0);
  expect(demo.output().match(/"ok": true/g), demo.output()).toHaveLength(12);
}, 600_000);
