import type { Finding, Stage, Step } from "./step.ts";
import { breaker, recovery } from "./steps/breaker.ts";
import { cache } from "./steps/cache.ts";
import { call } from "./steps/call.ts";
import { discover } from "./steps/discover.ts";
import { changedList, crash, lostSession } from "./steps/faults.ts";
import { orphans } from "./steps/orphans.ts";
import { pool } from "./steps/pool.ts";
import { scrape } from "./steps/scrape.ts";

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
