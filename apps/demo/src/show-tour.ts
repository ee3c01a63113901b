import type { Arguments } from "./arguments.js";
import { listen } from "./listen.js";
import { printTour, say } from "./report.js";
import type { Stage } from "./step.js";
import { runTour } from "./tour.js";

/** Runs the tour in the terminal and prints what it found. Resolves with the exit code: 0 where every step did what it says. */
export async function showTour(
  stage: Omit<Stage, "metricsUrl">,
  { port, host, allowedHosts, json }: Arguments,
): Promise<number> {
  const onTaken = (taken: number): void => say(`Port ${taken} is taken, trying the next one.`);
  const http = await listen(stage.metrics.handler(), { port, host, allowedHosts, onTaken });
  try {
    const metricsUrl = `${http.url}/metrics`;
    const results = await runTour({ ...stage, metricsUrl }, (step, number, of) =>
      say(`[${number}/${of}] ${step.title} ...`),
    );
    printTour(results, json);
    return results.every(({ ok }) => ok) ? 0 : 1;
  } finally {
    await http.close();
  }
}
