import type { Capability, Faults } from "../faults.js";
import type { JsonObject } from "../json.js";

/** What the server calls itself. */
export const serverInfo = { name: "minion-chaos", version: "1.0.0" };

export function hasCapability(faults: Faults, capability: Capability): boolean {
  return !faults.lacks.includes(capability);
}

/** The capabilities as both eras declare them. */
export function declaredCapabilities(faults: Faults): JsonObject {
  const listChanged = !faults.noListChanged;
  return {
    ...(hasCapability(faults, "tools") && { tools: { listChanged } }),
    ...(hasCapability(faults, "resources") && {
      resources: { listChanged, ...(hasCapability(faults, "subscribe") && { subscribe: true }) },
    }),
    ...(hasCapability(faults, "prompts") && { prompts: { listChanged } }),
    ...(hasCapability(faults, "completions") && { completions: {} }),
    ...(hasCapability(faults, "logging") && { logging: {} }),
  };
}

/** `instructions`, where there are any. */
export function declaredInstructions(faults: Faults): { readonly instructions?: string } {
  return faults.instructions === "" ? {} : { instructions: faults.instructions };
}
