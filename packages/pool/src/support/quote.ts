const longest = 100;

/** A key, a name or a value as it stands in a message: in quotation marks, and at most 100 characters of it. */
export function quote(text: string): string {
  return JSON.stringify(cut(text));
}

/** At most 100 characters of a name; a character of two code units is not cut in half. */
export function cut(text: string): string {
  return text.length <= longest ? text : `${text.slice(0, longest).replace(/[\uD800-\uDBFF]$/u, "")}…`;
}
