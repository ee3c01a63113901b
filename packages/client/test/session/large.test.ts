import { expect, test } from "vitest";
import { transports } from "./fault-runner.js";
import { connect, expectLinear, lengthOf, megabyte } from "./large.js";
import { rejection } from "./support.js";

const timeout = 120_000;

test.each(transports)("M7: 15 MB over %s take time linear in their size", { timeout }, (transport) =>
  expectLinear(transport, 15),
);

test.each(["stdio", "http, JSON replies", "http, SSE replies"] as const)(
  "M7: over %s a message that is too large costs its own call only",
  { timeout },
  async (transport) => {
    const { call, deaths } = await connect(transport, megabyte);
    const slow = call("slow", { ms: 500 });
    expect(await rejection(call("big", { bytes: 5 * megabyte }))).toMatchObject({
      kind: "too-large",
      delivery: "sent",
    });
    expect(lengthOf(await call("big", { bytes: megabyte / 2 }))).toBeGreaterThan(megabyte / 2);
    await slow;
    expect(deaths).toEqual([]);
  },
);
