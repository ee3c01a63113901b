/** A form in which a secret may be said, and how much of it counts where the rest was cut off. */
export interface SecretForm {
  readonly text: string;
  /** So many characters are a part of the secret where nothing that could be a word goes on behind them. */
  readonly least: number;
  /** So many characters are a part of it whatever comes behind them; `Infinity` for a path, which goes on as another path. */
  readonly always: number;
}

const shortestCut = 4;
const clearlyCut = 8;
const shortestLine = 8;
/** What is the same in many values and says nothing: a scheme, the first line of a PEM. */
const head =
  /^(?:[a-z][a-z0-9+.-]*(?::\/\/|:\\\/\\\/|%3a%2f%2f)|(?:basic|bearer|digest|negotiate|token|apikey)(?:\s+|%20|\+)|-----BEGIN[^\n]*(?:\n|$))/i;
const pathLike = /^(?:~|\.{0,2}(?:\\?\/|%2f)|[a-z](?::|%3a)[\\/%]|[a-z][a-z0-9+.-]*(?::\/\/|:\\\/\\\/|%3a%2f%2f))/i;

/** Every form in which a value may come back: whole, trimmed, by its lines, and encoded in the usual ways. */
export function formsOf(value: string): SecretForm[] {
  const plain = new Set([value, value.trim(), ...linesOf(value), decoded(value)]);
  const written = new Set<string>();
  const encodings = new Set<string>();
  for (const one of plain) {
    const escaped = JSON.stringify(one).slice(1, -1);
    const percent = encoded(one);
    const uri = percent.replace(/%(?:2[46BCF]|3[ABDF]|40)/g, (code) => decoded(code));
    for (const form of [
      one,
      escaped,
      JSON.stringify(escaped).slice(1, -1),
      escaped.replaceAll("/", "\\/"),
      inHtml(one),
      percent,
      percent.replaceAll("%20", "+"),
      percent.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`),
      uri,
    ]) {
      written.add(form);
      written.add(form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()));
    }
    const bytes = Buffer.from(one);
    for (const form of [bytes.toString("hex"), ...base64Of(bytes)]) encodings.add(form);
    encodings.add(bytes.toString("hex").toUpperCase());
  }
  return [...[...written].flatMap(writtenForm), ...[...encodings].flatMap(encodedForm)];
}

function writtenForm(text: string): SecretForm[] {
  const skipped = head.exec(text)?.[0].length ?? 0;
  // Paths begin alike: of them only what was visibly cut counts.
  const always = pathLike.test(text) ? Number.POSITIVE_INFINITY : skipped + clearlyCut;
  return [{ text, least: skipped + shortestCut, always }];
}

function encodedForm(text: string): SecretForm[] {
  return text.length < clearlyCut ? [] : [{ text, least: clearlyCut, always: clearlyCut }];
}

function linesOf(value: string): string[] {
  const lines = value.split(/\r?\n|\\n/).map((line) => line.trim());
  return lines.length < 2 ? [] : lines.filter((line) => line.length >= shortestLine && !line.startsWith("-----"));
}

/** Also where other bytes stand before it, so far as its own bytes alone decide what is written. */
function base64Of(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const own = shifted.slice(offset === 0 ? 0 : offset + 1);
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

function inHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Half a surrogate pair cannot be encoded. */
function encoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The text without its percent encoding, where it has one. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
