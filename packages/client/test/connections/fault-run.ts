import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";

/** What the application held at one moment. */
interface Held {
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly resources: number;
  readonly resourceNames: Readonly<Record<string, number>>;
  readonly descriptors: number;
  readonly processes: number;
  readonly listeners: number;
  readonly abortListeners: number;
  readonly servers: number;
}

interface FaultRunReport {
  readonly early: Held;
  readonly late: Held;
  readonly made: number;
  readonly stray: readonly string[];
  readonly untyped: readonly string[];
}

/**
 * Runs an application in a process of its own under random faults, over stdio and HTTP and in both eras, and expects that
 * it holds at the end what it held after the first fifth of them. Prints the seed; `FAULT_SEED` sets it.
 */
export async function expectFlat(faults: number): Promise<void> {
  const seed = Number(process.env.FAULT_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`FAULT_SEED=${seed}, ${faults} faults`);
  const script = fileURLToPath(new URL("fault-run.mjs", import.meta.url));
  const child = spawn(process.execPath, ["--expose-gc", script, JSON.stringify({ seed, faults })]);
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, "close");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { early, late, made, stray, untyped }: FaultRunReport = JSON.parse(output);
  console.log(JSON.stringify({ early, late }));
  expect({ made, stray, untyped }).toEqual({ made: faults, stray: [], untyped: [] });
  expect(late.processes, "processes").toBeLessThanOrEqual(early.processes);
  expect(late.resources, JSON.stringify(late.resourceNames)).toBeLessThanOrEqual(early.resources);
  expect(late.descriptors, "descriptors").toBeLessThanOrEqual(early.descriptors);
  expect(late.listeners, "listeners of the process").toBe(early.listeners);
  expect({ abortListeners: late.abortListeners, servers: late.servers }).toEqual({ abortListeners: 0, servers: 0 });
  // What the engine compiles and remembers by itself grows for a while, and is far from what any fault would leave.
  expect(late.heapBytes - early.heapBytes, "the heap").toBeLessThan(3_000_000);
  expect(late.externalBytes - early.externalBytes, "memory outside the heap").toBeLessThan(1_000_000);
}
