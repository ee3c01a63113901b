import { test } from "vitest";
import { endsAtProcess, endsWhileUp } from "./ends.js";

test("SIGINT while the page is up leaves no process and ends the demo within 5 s", async () => {
  await endsWhileUp("SIGINT");
}, 60_000);

test.each([1, 2, 3, 5])(
  "SIGINT when %i of its processes have been started leaves none",
  async (count) => {
    await endsAtProcess(count);
  },
  60_000,
);
