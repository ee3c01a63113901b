import { createHash } from "node:crypto";

const maxLength = 128;
const unsafe = /[\p{Cc}\p{Cs}]/gu;

/**
 * Makes any string fit to be a label value: control characters and lone surrogates become `_`, and what is longer
 * than 128 is cut. A changed value ends in `~` and 8 hex digits of its hash, so that two names never become one series.
 */
export function labelValue(text: string): string {
  if (text.length <= maxLength && text.search(unsafe) === -1) return text;
  // UTF-16, since UTF-8 would write all lone surrogates alike.
  const hash = createHash("sha256").update(text, "utf16le").digest("hex").slice(0, 8);
  const head = text.slice(0, maxLength - hash.length - 1);
  return `${head.replace(unsafe, "_")}~${hash}`;
}
