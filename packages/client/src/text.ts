/** What is said of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What an error is called in events, spans and metrics: its code, where it has one. Never its message. */
export function errorTypeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "_OTHER";
  const code: unknown = Reflect.get(error, "code");
  if (typeof code === "string" || typeof code === "number") return String(code);
  const name: unknown = Reflect.get(error, "name");
  return typeof name === "string" && name !== "Error" && name !== "" ? name : "_OTHER";
}
