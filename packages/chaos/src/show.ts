import { inspect } from "node:util";

/** Any value as it stands in a message: one line, whatever it is. */
export function show(value: unknown): string {
  return typeof value === "string"
    ? JSON.stringify(value)
    : inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY }).replaceAll(/\s*\n\s*/g, " ");
}
