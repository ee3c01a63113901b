// Values and texts that somebody else made: what they are, what they say, and how they are shown.

const maxMessage = 2_000;
const maxName = 100;

/** A value as text. An object is not asked for its own, since it may be JSON with a `toString` that is no function. */
export function textOf(value: unknown): string {
  return typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : String(value);
}

/** What is said of whatever was thrown. */
export function messageOf(error: unknown): string {
  // An error of another realm is no instance of this one's.
  return isObject(error) && typeof error.message === "string" ? error.message : textOf(error);
}

/** The same, bounded, for events and status. */
export function boundedMessageOf(error: unknown): string {
  return messageOf(error).slice(0, maxMessage);
}

/** What is added to an error about a process that has written something; "" where it has not. */
export function lastWords(stderrTail: string): string {
  const tail = stderrTail.slice(-1_000).trimEnd();
  return tail === "" ? "" : ` It last wrote to stderr:\n${tail}`;
}

/**
 * What an error is called in events, spans and metrics: its code, where it has one, otherwise its name; never its message. A
 * number is a code only where it is that of a JSON-RPC error: an abort has one too, and is an `AbortError`. `_OTHER` where
 * there is neither.
 */
export function errorTypeOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "_OTHER";
  const code: unknown = Reflect.get(error, "code");
  if (typeof code === "string" || (typeof code === "number" && isSdkRpcError(error))) return String(code);
  const name: unknown = Reflect.get(error, "name");
  return typeof name === "string" && name !== "Error" && name !== "" ? name : "_OTHER";
}

/** Whether an error stands for a JSON-RPC error: by its name, which SDK v1 and v2 give theirs. */
export function isSdkRpcError(error: object): boolean {
  const name: unknown = Reflect.get(error, "name");
  return name === "McpError" || name === "ProtocolError";
}

/** Control characters but tabs and line ends; colour codes whole; marks that change the direction of text. */
const unprintable = new RegExp(
  "\\u001b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\\u0007\\u001b]{0,2000}(?:\\u0007|\\u001b\\\\)?)|\\u009b[0-?]*[ -/]*[@-~]" +
    "|\\r(?=\\n)|[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]",
  "g",
);

/** Text of somebody else, fit to be shown: without what would steer a terminal, and at most `maxLength` characters long. */
export function cleanText(text: string, maxLength: number): string {
  const clean = text.replace(unprintable, "");
  if (clean.length <= maxLength) return clean;
  // Not between the two halves of a surrogate pair.
  const cut = clean.slice(0, maxLength - 3);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}...`;
}

/** A name as an error message has it: at most 100 characters of it, however long it is. */
export function shortName(name: unknown): string {
  const text = textOf(name);
  return text.length <= maxName ? text : `${text.slice(0, maxName)}...`;
}

/** Whether a value from outside is an object with members, and not a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for an object literal, of whatever realm, and for one without a prototype. */
export function isLiteral(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}
