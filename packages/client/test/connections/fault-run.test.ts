import { test } from "vitest";
import { expectFlat } from "./fault-run.js";

test(
  "M5, M6, B18: random faults in a row leave heap, handles, processes and listeners as they were",
  {
    timeout: 400_000,
  },
  () => expectFlat(25),
);
