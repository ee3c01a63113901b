import { limitNames, readLimits } from "./limits.js";
import type { PoolOptions } from "./options.js";
import { checkFunction, checkNumber, checkOptions, rules } from "./support/checks.js";

const names = [...limitNames, "create", "destroy", "validate", "reset", "limitsFor", "maxTotal", "onEvent"];

/** The options of a pool, each read once and checked; functions are bound to the object they came with. */
export function readOptions<R>(given: PoolOptions<R>): PoolOptions<R> {
  checkOptions("Pool", given, names);
  const { create, destroy, validate, reset, limitsFor, maxTotal, onEvent } = given;
  checkFunction("Pool: create", create ?? null);
  checkFunction("Pool: destroy", destroy);
  checkFunction("Pool: validate", validate);
  checkFunction("Pool: reset", reset);
  checkFunction("Pool: limitsFor", limitsFor);
  checkFunction("Pool: onEvent", onEvent);
  checkNumber("Pool: maxTotal", maxTotal, rules.countOrInfinity);
  return {
    ...readLimits("Pool", given),
    maxTotal,
    create: create.bind(given),
    destroy: destroy?.bind(given),
    validate: validate?.bind(given),
    reset: reset?.bind(given),
    limitsFor: limitsFor?.bind(given),
    onEvent: onEvent?.bind(given),
  };
}
