import { test } from "vitest";
import { storm } from "./storm.js";

test("M5, M6: 10 random faults in a row leave no process and no unhandled rejection", { timeout: 400_000 }, () =>
  storm(10),
);
