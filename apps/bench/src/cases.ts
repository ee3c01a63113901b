import type { BenchCase } from "./bench-case.js";
import { breakerCases } from "./cases/breaker.js";
import { cacheCases } from "./cases/cache.js";
import { metricsCases } from "./cases/metrics.js";
import { poolCases } from "./cases/pool.js";

/** Everything that is measured, in the order of the report. */
export const benchCases: readonly BenchCase[] = [...breakerCases, ...poolCases, ...cacheCases, ...metricsCases];
