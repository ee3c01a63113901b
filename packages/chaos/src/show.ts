import { inspect } from "node:util";

const longest = 100;

/** Any value as it stands in a message: one line, at most 100 characters of it, without calling anything of its own. */
export function show(value: unknown): string {
  return typeof value === "string"
    ? JSON.stringify(shorten(value))
    : shorten(
        inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, customInspect: false }).replaceAll(
          /\s*\n\s*/g,
          " ",
        ),
      );
}

function shorten(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 3)}...`;
}
