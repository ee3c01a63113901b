import type { Finding, Stage, Step } from "./step.js";
import { breaker, recovery } from "./steps/breaker.js";
import { cache } from "./steps/cache.js";
import { call } from "./steps/call.js";
import { discover } from "./steps/discover.js";
import { changedList, crash, lostSession } from "./steps/faults.js";
import { orphans } from "./steps/orphans.js";
import { pool } from "./steps/pool.js";
import { scrape } from "./steps/scrape.js";

/** A step of the tour with what it found and how long it took. */
export interface StepResult extends Finding {
  readonly id: string;
  readonly title: string;
  readonly ms: number;
}

const steps: readonly Step[] = [
  discover,
  call,
  pool,
  cache,
  changedList,
  lostSession,
  crash,
  breaker,
  recovery,
  orphans,
  scrape,
];

/** Runs every step in order; a step that throws is one that failed. `onStep` is told before each. */
export async function runTour(
  stage: Stage,
  onStep: (step: Step, number: number, of: number) => void,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (const [index, step] of steps.entries()) {
    onStep(step, index + 1, steps.length);
    const begin = performance.now();
    const finding = await step.run(stage).catch(failed);
    results.push({ id: step.id, title: step.title, ...finding, ms: performance.now() - begin });
  }
  return results;
}

function failed(error: unknown): Finding {
  return { ok: false, says: error instanceof Error ? `${error.name}: ${error.message}` : String(error), figures: {} };
}
