import { test } from "vitest";
import { expectFlat } from "./fault-run.js";

test(
  "M5, M6, B18: 500 random faults in a row leave heap, handles, processes and listeners as they were",
  {
    timeout: 1_800_000,
  },
  () => expectFlat(500),
);
