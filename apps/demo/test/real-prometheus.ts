import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const metrics = fileURLToPath(new URL("../../../packages/metrics/", import.meta.url));
const vitest = fileURLToPath(new URL("../../../node_modules/vitest/vitest.mjs", import.meta.url));

function hasPrometheus(): boolean {
  try {
    execFileSync("prometheus", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

const isRequired = process.env.MINION_REQUIRE_PROMTOOL === "1";

/** A test that needs Prometheus: left out where there is none, unless MINION_REQUIRE_PROMTOOL is 1. */
export const withPrometheus = test.skipIf(!hasPrometheus() && !isRequired);

/** A real Prometheus scrapes the demo whose page is at `page`; the tests of the metrics ask it for every panel, rule and alert. */
export async function everyPanelHasAnAnswer(page: string): Promise<void> {
  const args = [vitest, "run", "--config", "../../vitest.config.ts", "--reporter=default", "test/prometheus.test.ts"];
  const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
    const env = { ...process.env, MINION_METRICS_URL: `${page}metrics` };
    execFile(process.execPath, args, { cwd: metrics, env, maxBuffer: 16_777_216 }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, output: stdout + stderr }),
    );
  });
  expect(code, output).toBe(0);
}
