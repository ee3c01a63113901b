import { test } from "vitest";
import { transports } from "./fault-runner.js";
import { expectLinear } from "./large.js";

test.each(transports)("M7: 50 MB over %s take time linear in their size", { timeout: 120_000 }, (transport) =>
  expectLinear(transport, 50),
);
