import { homedir } from "node:os";
import { basename, sep } from "node:path";
import { ConfigError } from "../errors.js";
import { messageOf } from "../untrusted.js";
import type { ConfigInput } from "./config-entries.js";

/** Where the variables of a configuration come from. */
export interface VariableSources {
  readonly workspaceFolder: string;
  /** By the whole reference: `NAME`, `input:id`, `user_config.api_key`. */
  readonly variables: Readonly<Record<string, string>>;
  readonly inputs: readonly ConfigInput[];
  readonly input: ((id: string, description: string | undefined) => string | Promise<string>) | undefined;
  /** Whether `$NAME` is a variable too. */
  readonly hasBareNames: boolean;
}

/** What becomes of a text. */
export interface Expanded {
  readonly text: string;
  /** The references that were found nowhere, which stand in `text` as they were. */
  readonly missing: readonly string[];
}

const marks = /\$\$\{|\$\{|\}/g;
const marksOrBare = /\$\$\{|\$\{|\}|\$([A-Za-z_]\w*)/g;
/** A default within a default within ... deeper than this is nobody's configuration. */
const maxDepth = 20;
const environmentName = /^(?:env:)?([A-Za-z_]\w*)(?::-([\s\S]*))?$/;

interface FoundReference {
  readonly start: number;
  readonly end: number;
  /** Undefined of `$${`, which stands for `${`. */
  readonly reference: string | undefined;
}

/**
 * The references in a text from left to right, in time linear in its length: `${` without an end is none. A default may hold
 * references of its own, which belong to it.
 */
function referencesIn(text: string, hasBareNames: boolean): readonly FoundReference[] {
  const found: FoundReference[] = [];
  const open: { readonly start: number; readonly from: number; readonly isLiteral: boolean }[] = [];
  const pattern = new RegExp(hasBareNames ? marksOrBare : marks);
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [whole, bare] = match;
    const end = pattern.lastIndex;
    if (whole === "}") {
      const opened = open.pop();
      if (opened === undefined || opened.isLiteral) continue;
      for (let last = found.at(-1); last !== undefined && last.start > opened.start; last = found.at(-1)) found.pop();
      found.push({ start: opened.start, end, reference: text.slice(opened.from, match.index) });
      continue;
    }
    const isLiteral = whole === "$${";
    // A literal brace outside of every reference needs no end.
    if (whole === "${" || (isLiteral && open.length > 0)) open.push({ start: match.index, from: end, isLiteral });
    if (whole !== "${") found.push({ start: match.index, end, reference: bare });
  }
  return found;
}

/**
 * The variables of one configuration, asked for each at most once. A name is looked for in the entry's own `env`, then
 * in `variables`, then in the process; what is found is not expanded again. `$${` is a literal `${`.
 */
export class Variables {
  readonly #sources: VariableSources;
  readonly #asked = new Map<string, Promise<string>>();
  readonly #known: ReadonlyMap<string, string>;

  constructor(sources: VariableSources) {
    this.#sources = sources;
    const { workspaceFolder } = sources;
    this.#known = new Map([
      ["userHome", homedir()],
      ["workspaceFolder", workspaceFolder],
      ["workspaceFolderBasename", basename(workspaceFolder)],
      ["pathSeparator", sep],
      ["/", sep],
      ["cwd", process.cwd()],
    ]);
  }

  /**
   * Replaces the variables in a text of an entry. `env` is the entry's own; `without` are the names in it that the text
   * itself belongs to, which take their value from the next source.
   *
   * @throws ConfigError where `input` failed
   */
  async expand(
    text: string,
    env: ReadonlyMap<string, string>,
    without: ReadonlySet<string> = new Set(),
    depth = 0,
  ): Promise<Expanded> {
    if (depth > maxDepth) throw new ConfigError(`its variables are nested deeper than ${maxDepth} levels`);
    const missing: string[] = [];
    let expanded = "";
    let end = 0;
    for (const found of referencesIn(text, this.#sources.hasBareNames)) {
      const { reference } = found;
      expanded += text.slice(end, found.start);
      end = found.end;
      const value = reference === undefined ? "${" : await this.#valueOf(reference, env, without, depth);
      if (typeof value === "object") missing.push(...value.missing);
      else if (value === undefined && reference !== undefined) missing.push(reference);
      expanded += typeof value === "object" ? value.text : (value ?? text.slice(found.start, end));
    }
    return { text: expanded + text.slice(end), missing };
  }

  /** What is found, or what becomes of the default. */
  async #valueOf(
    reference: string,
    env: ReadonlyMap<string, string>,
    without: ReadonlySet<string>,
    depth: number,
  ): Promise<string | Expanded | undefined> {
    const { variables } = this.#sources;
    if (Object.hasOwn(variables, reference)) {
      // The variables that the entry sets for its own process come before those of this process.
      const own = await this.#own(reference, env, without);
      return own ?? variables[reference];
    }
    const known = this.#known.get(reference);
    if (known !== undefined) return known;
    if (reference.startsWith("input:")) return this.#ask(reference.slice("input:".length));
    const [, name, fallback] = environmentName.exec(reference) ?? [];
    if (name === undefined) return undefined;
    const given = Object.hasOwn(variables, name) ? variables[name] : undefined;
    // The environment inherits from Object.prototype, which sets nothing.
    const inherited = Object.hasOwn(process.env, name) ? process.env[name] : undefined;
    const value = (await this.#own(name, env, without)) ?? given ?? inherited;
    // As in a shell, the default stands for an empty variable too.
    return fallback !== undefined && !value ? this.expand(fallback, env, without, depth + 1) : value;
  }

  /** The value that the entry's own env gives a name; undefined where something in it is found nowhere. */
  async #own(
    name: string,
    env: ReadonlyMap<string, string>,
    without: ReadonlySet<string>,
  ): Promise<string | undefined> {
    const text = without.has(name) ? undefined : env.get(name);
    if (text === undefined) return undefined;
    const { text: value, missing } = await this.expand(text, env, new Set([...without, name]));
    return missing.length === 0 ? value : undefined;
  }

  async #ask(id: string): Promise<string | undefined> {
    const { input, inputs } = this.#sources;
    if (input === undefined) return undefined;
    const description = inputs.find((one) => one.id === id)?.description;
    const asked = this.#asked.get(id) ?? Promise.resolve().then(() => input(id, description));
    this.#asked.set(id, asked);
    let value: unknown;
    try {
      value = await asked;
    } catch (cause) {
      throw new ConfigError(`options.input failed for "${id}": ${messageOf(cause)}`, { cause });
    }
    if (typeof value === "string") return value;
    throw new ConfigError(`options.input must give a string for "${id}", got ${typeof value}`);
  }
}
