const shortestSecret = 4;
/** What only stands in a value need not be secret: a scheme, a flag of a cookie. */
const shortestPart = 7;
/** Words too common to be secrets; masking them would only garble what a server says. */
const plainWords = new Set([
  "true",
  "false",
  "null",
  "none",
  "info",
  "warn",
  "error",
  "debug",
  "test",
  "production",
  "development",
]);
/** Of values that change with every request, as tokens do, the latest are remembered. */
const maxChanging = 64;
const maxCauseDepth = 5;

/**
 * The secrets of one server, and their removal from what it says: the values of `env` and `headers`, and the
 * credentials in URLs. Values of fewer than four characters are not masked: they would garble every text.
 */
export class Secrets {
  readonly #lasting = new Set<string>();
  readonly #changing = new Set<string>();
  #sorted: string[] | undefined;

  /** Remembers a value, and the forms in which it may come back. */
  add(value: string): void {
    for (const form of formsOf(value)) this.#remember(form, this.#lasting);
  }

  /** Remembers the values of headers: of `Authorization` also what comes after the scheme. */
  addHeaders(headers: Readonly<Record<string, string>>): void {
    for (const part of Object.values(headers).flatMap(partsOf)) this.add(part);
  }

  /** Remembers the values of headers that may be others in the next request. */
  addChangingHeaders(headers: Readonly<Record<string, string>>): void {
    for (const part of Object.values(headers).flatMap(partsOf)) {
      for (const form of formsOf(part)) this.#remember(form, this.#changing);
    }
    for (const value of this.#changing) {
      if (this.#changing.size <= maxChanging) break;
      this.#changing.delete(value);
    }
  }

  /** Remembers user, password and the values of the query. */
  addUrl(url: URL): void {
    this.add(decoded(url.username));
    this.add(decoded(url.password));
    for (const value of url.searchParams.values()) this.add(value);
  }

  /** The longest secret, in characters: text cut into pieces must overlap by that much. */
  get longest(): number {
    return this.#longestFirst()[0]?.length ?? 0;
  }

  /** The text with every secret replaced by `***`. */
  mask(text: string): string {
    let masked = text;
    for (const secret of this.#longestFirst()) masked = masked.replaceAll(secret, "***");
    // The length is bounded so that hostile text costs linear time.
    return masked.replace(/:\/\/[^\s/?#@]{1,1024}@/g, "://***@");
  }

  /** The text masked, also where it ends in the middle of a secret. */
  maskCut(text: string): string {
    const masked = this.mask(text);
    for (const secret of this.#longestFirst()) {
      for (let length = Math.min(secret.length - 1, masked.length); length >= shortestSecret; length--) {
        if (masked.endsWith(secret.slice(0, length))) return `${masked.slice(0, -length)}***`;
      }
    }
    return masked;
  }

  /** A JSON value with every secret in its strings replaced; undefined where it is none, or nested beyond reason. */
  maskJson(value: unknown): unknown {
    try {
      const mask = (_key: string, one: unknown): unknown => (typeof one === "string" ? this.mask(one) : one);
      return JSON.parse(JSON.stringify(value), mask);
    } catch {
      return undefined;
    }
  }

  /** A copy of an error and its causes that says the same without secrets; anything else is left out. */
  maskError(error: unknown, depth = 0): Error | undefined {
    if (!(error instanceof Error) && !isErrorLike(error)) return undefined;
    const cause = depth < maxCauseDepth ? this.maskError(error.cause, depth + 1) : undefined;
    const copy = new Error(this.mask(error.message), cause === undefined ? undefined : { cause });
    copy.name = error.name;
    if (error.stack !== undefined) copy.stack = this.mask(error.stack);
    for (const key of ["code", "errno", "syscall", "status"]) {
      const value = Reflect.get(error, key);
      if (typeof value === "number") Reflect.set(copy, key, value);
      if (typeof value === "string") Reflect.set(copy, key, this.mask(value));
    }
    return copy;
  }

  #remember(value: string, where: Set<string>): void {
    if (value.length < shortestSecret || plainWords.has(value.toLowerCase())) return;
    // Again means latest.
    where.delete(value);
    where.add(value);
    this.#sorted = undefined;
  }

  #longestFirst(): readonly string[] {
    this.#sorted ??= [...this.#lasting, ...this.#changing].sort((a, b) => b.length - a.length);
    return this.#sorted;
  }
}

function formsOf(value: string): string[] {
  return [value, encoded(value), JSON.stringify(value).slice(1, -1)];
}

/** A header's value and what stands in it: after the scheme, in a cookie, in Basic credentials. */
function partsOf(value: string): string[] {
  const basic = /^basic\s+(\S+)/i.exec(value)?.[1];
  const credentials = basic === undefined ? [] : atobOrEmpty(basic).split(":");
  const parts = value.split(/[\s;,]+/).map((part) => part.slice(part.indexOf("=") + 1));
  return [value, ...parts.filter((part) => part.length >= shortestPart), ...credentials];
}

/** Half a surrogate pair cannot be encoded. */
function encoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return text;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
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
