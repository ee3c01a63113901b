import type { SecretForm } from "./secret-forms.js";

const anchorLength = 4;
const mask = "***";
const isWordCharacter = /[\p{L}\p{N}]/u;

/** Finds forms of secrets in a text, and parts of them, in one pass however many there are. */
export class SecretFinder {
  /** By their first characters. */
  readonly #byAnchor = new Map<number, SecretForm[]>();
  /** Secrets that are too short to be found inside words. */
  readonly #short = new Set<string>();

  /** Looks for these from now on, wherever they stand. */
  add(forms: readonly SecretForm[]): void {
    for (const form of forms) {
      if (form.text.length < anchorLength) continue;
      const anchor = anchorAt(form.text, 0);
      const alike = this.#byAnchor.get(anchor);
      if (alike === undefined) this.#byAnchor.set(anchor, [form]);
      else alike.push(form);
    }
  }

  /** Looks for this from now on where it is a word of its own. */
  addShort(word: string): void {
    this.#short.add(word);
  }

  /** Looks for these, which were added before, no more. */
  remove(forms: readonly SecretForm[]): void {
    for (const form of forms) {
      const anchor = anchorAt(form.text, 0);
      const rest = (this.#byAnchor.get(anchor) ?? []).filter((one) => one !== form);
      if (rest.length === 0) this.#byAnchor.delete(anchor);
      else this.#byAnchor.set(anchor, rest);
    }
  }

  /** The text with every secret in it replaced. */
  mask(text: string): string {
    let masked = this.#byAnchor.size === 0 ? text : this.#maskLong(text);
    for (const secret of this.#short) masked = maskWord(masked, secret);
    return masked;
  }

  #maskLong(text: string): string {
    let masked = "";
    let done = 0;
    for (let at = 0; at + anchorLength <= text.length; at++) {
      const forms = this.#byAnchor.get(anchorAt(text, at));
      if (forms === undefined) continue;
      let longest = 0;
      for (const form of forms) longest = Math.max(longest, lengthAt(text, at, form));
      if (longest === 0) continue;
      masked += text.slice(done, at) + mask;
      done = at + longest;
      at = done - 1;
    }
    return done === 0 ? text : masked + text.slice(done);
  }
}

/** How many characters of the form stand there; 0 where they are too few to be a part of it. */
function lengthAt(text: string, at: number, { text: form, least, always }: SecretForm): number {
  let length = 0;
  while (length < form.length && text.charCodeAt(at + length) === form.charCodeAt(length)) length++;
  if (length === form.length || length >= always) return length;
  if (length < least) return 0;
  const next = text.slice(at + length, at + length + 2);
  // Of a path what goes on is another path, unless dots say that it was cut.
  if (always === Number.POSITIVE_INFINITY) return next === "" || next === ".." || next.startsWith("…") ? length : 0;
  return next === "" || !isWordCharacter.test(next[0] ?? "") ? length : 0;
}

function anchorAt(text: string, at: number): number {
  let anchor = 0;
  for (let offset = 0; offset < anchorLength; offset++) anchor = Math.imul(anchor, 31) + text.charCodeAt(at + offset);
  return anchor | 0;
}

function maskWord(text: string, word: string): string {
  let masked = text;
  for (let at = masked.indexOf(word); at !== -1; at = masked.indexOf(word, at + 1)) {
    const isInside = [masked[at - 1], masked[at + word.length]].some((char) => isWordCharacter.test(char ?? ""));
    if (isInside) continue;
    masked = `${masked.slice(0, at)}${mask}${masked.slice(at + word.length)}`;
    at += mask.length - 1;
  }
  return masked;
}
