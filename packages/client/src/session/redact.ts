import { cleanText } from "../untrusted.js";
import { SecretFinder } from "./secret-finder.js";
import { decoded, formsOf, type SecretForm } from "./secret-forms.js";
import { isKnownToken, isPathToken, isSecretName } from "./secret-names.js";

const shortestSecret = 4;
/** What only stands in a value need not be secret: a scheme, a flag of a cookie. */
const shortestPart = 7;
/** Words too common to be secrets; masking them would only garble what a server says. */
const plainWords = new Set(
  "true false null none undefined default auto enabled disabled info warn warning error debug trace verbose silent test tests testing production prod development staging local localhost stdio http https json text plain utf-8".split(
    " ",
  ),
);
/** Of values that change with every request, as tokens do, the latest are remembered; more than calls can be under way. */
const maxChanging = 1_024;
const maxCauseDepth = 5;
const maxStack = 6_000;
/** Of what a server sends with an error, more than this is left out. */
const maxData = 100_000;
const maxDataDepth = 100;
const tooMuch = "left out: it is too large";

/**
 * The secrets of one server, and the one gate through which everything passes that a server or a configuration said before
 * it leaves: errors with their causes and data, events, status, spans. It is masked first and cut afterwards.
 *
 * Secrets are the values of `env` and `headers`, credentials and tokens in URLs, secret-looking arguments, and whatever
 * else is handed to {@link add}: OAuth tokens, codes and client secrets have to be, before they are used. They are found
 * as they are, trimmed, line by line, percent-encoded, JSON-escaped, in base64 and hex, and cut short from four characters on.
 */
export class Secrets {
  readonly #lasting = new Set<string>();
  readonly #changing = new Map<string, readonly SecretForm[]>();
  readonly #finder = new SecretFinder();
  #longest = 0;

  /**
   * Remembers a value for good. Values of fewer than four characters and plain words are only taken for secrets where
   * `name`, by which the value goes, says that it is one.
   */
  add(value: string, name = ""): void {
    if (!this.#isSecret(value, name) || this.#lasting.has(value)) return;
    this.#lasting.add(value);
    this.#look(value);
  }

  /** Remembers the values of variables. */
  addEnv(env: Readonly<Record<string, string | undefined>>): void {
    for (const [name, value] of Object.entries(env)) if (value !== undefined) this.add(value, name);
  }

  /** Remembers those arguments that look like secrets: `--api-key=...`, the word after `--token`, `KEY=...`, URLs. */
  addArgs(args: readonly string[]): void {
    for (const [index, arg] of args.entries()) {
      const [, name = "", value] = /^([-\w.]+)[=:]\s*([\s\S]*)$/.exec(arg) ?? [];
      if (value !== undefined && isSecretName(name)) for (const part of partsOf(value)) this.add(part, name);
      const next = args[index + 1];
      if (arg.startsWith("-") && value === undefined && isSecretName(arg) && next?.startsWith("-") === false)
        for (const part of partsOf(next)) this.add(part, arg);
      for (const word of [arg, value ?? ""]) {
        if (isKnownToken(word)) this.add(word, "token");
        if (/^[a-z][a-z0-9+.-]*:\/\//i.test(word) && URL.canParse(word)) this.addUrl(new URL(word));
      }
    }
  }

  /** Remembers the values of headers: of `Authorization` also what comes after the scheme. */
  addHeaders(headers: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(headers)) for (const part of partsOf(value)) this.add(part, name);
  }

  /** Remembers the values of headers that may be others in the next request. */
  addChangingHeaders(headers: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(headers))
      for (const part of partsOf(value)) this.addChanging(part, name);
  }

  /** Remembers a value that will be replaced by others, as access tokens are; the latest thousand are kept. */
  addChanging(value: string, name = "token"): void {
    if (!this.#isSecret(value, name) || this.#lasting.has(value)) return;
    const known = this.#changing.get(value);
    // A value that is used again counts as the latest.
    this.#changing.delete(value);
    this.#changing.set(value, known ?? this.#look(value));
    const [oldest] = this.#changing;
    if (this.#changing.size <= maxChanging || oldest === undefined) return;
    this.#changing.delete(oldest[0]);
    this.#finder.remove(oldest[1]);
  }

  /** Remembers user, password, the values of the query and what looks like a token in the path. */
  addUrl(url: URL): void {
    this.add(decoded(url.username));
    this.add(decoded(url.password), "password");
    for (const pair of url.search.slice(1).split("&")) {
      const value = pair.slice(pair.indexOf("=") + 1);
      for (const form of [value, decoded(value), decoded(value.replaceAll("+", " "))]) this.add(form);
    }
    for (const part of url.pathname.split("/"))
      if (isPathToken(decoded(part))) for (const form of [part, decoded(part)]) this.add(form);
  }

  /** The longest secret, in characters: text cut into pieces must overlap by that much. */
  get longest(): number {
    return this.#longest;
  }

  /** The text with every secret, or what was left of it, replaced by `***`. */
  mask(text: string): string {
    if (text === "") return text;
    const masked = this.#finder.mask(text);
    // The length is bounded so that hostile text costs linear time.
    return masked.includes("://") ? masked.replace(/:\/\/[^\s/?#@]{1,1024}@/g, "://***@") : masked;
  }

  /** Text of a server for people: masked, without control characters, and then cut to `maxLength` characters. */
  clean(text: string, maxLength = 2_000): string {
    // What is far behind the cut need not be masked; a secret that this cuts is found by its beginning.
    return cleanText(this.mask(text.slice(0, 4 * maxLength + this.longest)), maxLength);
  }

  /**
   * A JSON value with every secret in its texts and in the names of its members replaced. More than 100 kB or 100 levels of
   * it are left out, as is what is no JSON.
   */
  maskJson(value: unknown): unknown {
    const budget = { left: maxData };
    try {
      return this.#maskValue(value, budget, 0);
    } catch (error) {
      if (error instanceof RangeError) return tooMuch;
      return undefined;
    }
  }

  /** A copy of an error and its causes that says the same without secrets; anything else is left out. */
  maskError(error: unknown, depth = 0): Error | undefined {
    if (!(error instanceof Error) && !isErrorLike(error)) return undefined;
    const cause = depth < maxCauseDepth ? this.maskError(error.cause, depth + 1) : undefined;
    const copy = new Error(this.clean(error.message), cause === undefined ? undefined : { cause });
    copy.name = this.clean(String(error.name), 200);
    if (typeof error.stack === "string") copy.stack = this.clean(error.stack, maxStack);
    for (const key of ["code", "errno", "syscall", "status"]) {
      const value = Reflect.get(error, key);
      if (typeof value === "number") Reflect.set(copy, key, value);
      if (typeof value === "string") Reflect.set(copy, key, this.clean(value, 200));
    }
    return copy;
  }

  /** An error of this package, its own texts without secrets; errors of others are left as they are. */
  maskOwn(error: unknown): unknown {
    if (!(error instanceof Error) || !("code" in error) || !String(error.code).startsWith("ERR_MCP_")) return error;
    for (const key of ["message", "stack", "stderrTail"]) {
      const value: unknown = Reflect.get(error, key);
      const masked = typeof value === "string" ? this.mask(value) : value;
      if (masked !== value) Reflect.set(error, key, masked);
    }
    return error;
  }

  /** An event or a record of status with every secret in its texts replaced. It is returned as it is where it has none. */
  maskRecord<T extends object>(record: T): T {
    let copy: T | undefined;
    for (const [key, value] of Object.entries(record)) {
      const masked =
        typeof value === "string" ? this.mask(value) : Array.isArray(value) ? this.#maskList(value) : value;
      if (masked === value) continue;
      copy ??= { ...record };
      Reflect.set(copy, key, masked);
    }
    return copy ?? record;
  }

  #maskList(list: readonly unknown[]): readonly unknown[] {
    const masked = list.map((one) => (typeof one === "string" ? this.mask(one) : one));
    return masked.every((one, index) => one === list[index]) ? list : masked;
  }

  #maskValue(value: unknown, budget: { left: number }, depth: number): unknown {
    budget.left -= typeof value === "string" ? value.length + 8 : 8;
    if (budget.left < 0 || depth > maxDataDepth) throw new RangeError(tooMuch);
    if (typeof value === "string") return this.mask(value);
    if (typeof value !== "object" || value === null) return typeof value === "function" ? undefined : value;
    if (Array.isArray(value)) return value.map((item) => this.#maskValue(item, budget, depth + 1));
    const copy: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(value)) {
      budget.left -= key.length;
      const masked = this.#maskValue(member, budget, depth + 1);
      // A member of this name would set the prototype.
      Object.defineProperty(copy, this.mask(key), {
        value: masked,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return copy;
  }

  /** Whether a value has to be looked for; one that is too short for that is looked for as a word. */
  #isSecret(value: string, name: string): boolean {
    const isNamed = isSecretName(name);
    const trimmed = value.trim();
    if (trimmed === "" || (!isNamed && plainWords.has(trimmed.toLowerCase()))) return false;
    if (trimmed.length >= shortestSecret) return true;
    if (isNamed) this.#finder.addShort(trimmed);
    return false;
  }

  #look(value: string): readonly SecretForm[] {
    const forms = formsOf(value);
    this.#finder.add(forms);
    this.#longest = Math.max(this.#longest, value.length);
    return forms;
  }
}

/** A header's value and what stands in it: after the scheme, in a cookie, in Basic credentials. */
function partsOf(value: string): string[] {
  const basic = /^basic\s+(\S+)/i.exec(value)?.[1];
  const credentials = basic === undefined ? [] : atobOrEmpty(basic).split(":");
  const parts = value.split(/[\s;,]+/).map((part) => part.slice(part.indexOf("=") + 1));
  // After a scheme even a short word is the secret.
  const afterScheme = /^(?:bearer|token|apikey)\s+(\S+)$/i.exec(value)?.[1];
  return [value, ...parts.filter((part) => part.length >= shortestPart), ...credentials, afterScheme ?? ""];
}

function atobOrEmpty(text: string): string {
  try {
    return atob(text);
  } catch {
    return "";
  }
}

function isErrorLike(value: unknown): value is Error {
  return typeof value === "object" && value !== null && "message" in value && typeof value.message === "string";
}
