const longest = 100;

/** A name as an error message has it: at most 100 characters of it, however long it is. */
export function shortName(name: unknown): string {
  const text = String(name);
  return text.length <= longest ? text : `${text.slice(0, longest)}...`;
}
