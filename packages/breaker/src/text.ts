const longest = 100;

/** At most the first 100 characters of a text, so that no message grows with what it is given. */
export function shorten(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 3)}...`;
}

/** A value as it stands in a message, without calling anything of its own. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(shorten(value));
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : shorten(String(value));
}
