import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startDemo } from "./support.js";

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

test.skipIf(!hasPrometheus() && !isRequired)(
  "O5: a real Prometheus scrapes the real demo, and every panel, rule and alert of the package has an answer",
  async () => {
    const demo = startDemo("--port", "0");
    try {
      const url = `${await demo.url}metrics`;
      const args = [
        vitest,
        "run",
        "--config",
        "../../vitest.config.ts",
        "--reporter=default",
        "test/prometheus.test.ts",
      ];
      const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
        const env = { ...process.env, MINION_METRICS_URL: url };
        execFile(process.execPath, args, { cwd: metrics, env, maxBuffer: 16_777_216 }, (error, stdout, stderr) =>
          resolve({ code: error?.code ?? 0, output: stdout + stderr }),
        );
      });
      expect(code, output).toBe(0);
    } finally {
      demo.child.kill("SIGTERM");
      await demo.exited;
    }
  },
  180_000,
);
