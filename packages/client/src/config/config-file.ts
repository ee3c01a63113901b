import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { ConfigError } from "../errors.js";
import { messageOf } from "../untrusted.js";

/** The applications whose way of writing an mcp.json is known. */
export type ConfigHost =
  | "claude"
  | "claude-code"
  | "cursor"
  | "vscode"
  | "windsurf"
  | "gemini"
  | "cline"
  | "roo"
  | "zed"
  | "copilot"
  | "opencode"
  | "amazon-q"
  | "kiro";

/** What was read, and from where. */
export interface ConfigFile {
  /** Undefined where an object was given. */
  readonly file: string | undefined;
  /** What relative paths begin at: the folder of the file, or the working directory. */
  readonly folder: string;
  /** The folder that the host calls the workspace, by where the file is. */
  readonly workspaceFolder: string;
  /** The host that the file's name and folder tell of. */
  readonly host: ConfigHost | undefined;
  readonly content: unknown;
  readonly overwritten: Overwritten;
}

/** By the objects of a file: the members that are not in them, since a later one has the same key. */
export type Overwritten = ReadonlyMap<unknown, readonly (readonly [key: string, value: unknown])[]>;

const hostOfPath: readonly (readonly [end: string, host: ConfigHost])[] = [
  [".vscode/mcp.json", "vscode"],
  [".cursor/mcp.json", "cursor"],
  [".roo/mcp.json", "roo"],
  [".amazonq/mcp.json", "amazon-q"],
  [".kiro/settings/mcp.json", "kiro"],
  [".gemini/settings.json", "gemini"],
  ["claude_desktop_config.json", "claude"],
  [".mcp.json", "claude-code"],
  ["cline_mcp_settings.json", "cline"],
  ["mcp_config.json", "windsurf"],
  ["opencode.json", "opencode"],
];
/** JSON with more levels than this is nobody's configuration. */
const maxDepth = 200;

/**
 * Reads a configuration: JSON with comments and trailing commas, as editors let people write it, with or without a byte
 * order mark.
 *
 * @throws ConfigError that names the file. The text of the file is not repeated: it may hold credentials.
 */
export async function readConfigFile(config: string | URL | object): Promise<ConfigFile> {
  if (typeof config !== "string" && !(config instanceof URL)) {
    const folder = process.cwd();
    const overwritten: Overwritten = new Map();
    return { file: undefined, folder, workspaceFolder: folder, host: undefined, content: config, overwritten };
  }
  const file = pathOf(config);
  const parsed = parse(await read(file), file);
  const whole = resolve(file);
  const folder = dirname(whole);
  const isInHostFolder = [".vscode", ".cursor"].includes(basename(folder));
  const workspaceFolder = isInHostFolder ? dirname(folder) : folder;
  return { file, folder, workspaceFolder, host: hostOf(whole), ...parsed };
}

function hostOf(path: string): ConfigHost | undefined {
  const slashed = path.replaceAll("\\", "/");
  return hostOfPath.find(([end]) => slashed.endsWith(`/${end}`))?.[1];
}

function pathOf(file: string | URL): string {
  if (typeof file === "string" && !file.startsWith("file:")) return file;
  try {
    return fileURLToPath(file);
  } catch (cause) {
    throw new ConfigError("it is not a file URL", { file: String(file), cause });
  }
}

async function read(file: string): Promise<string> {
  try {
    return textOf(await readFile(file));
  } catch (cause) {
    throw new ConfigError(`it cannot be read: ${messageOf(cause)}`, { file, cause });
  }
}

/** Some editors and shells on Windows write UTF-16, which its byte order mark tells. */
function textOf(bytes: Buffer): string {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

function parse(plain: string, file: string): Pick<ConfigFile, "content" | "overwritten"> {
  if (plain.trim() === "") throw new ConfigError("it is empty", { file });
  const errors: ParseError[] = [];
  let root: Node | undefined;
  try {
    root = parseTree(plain, errors, { allowTrailingComma: true });
  } catch (cause) {
    // The parser is recursive: a file nested deeper than the stack ends here.
    if (!(cause instanceof RangeError)) throw cause;
    throw tooDeep(file);
  }
  const [first] = errors;
  if (first !== undefined) {
    const before = plain.slice(0, first.offset).split("\n");
    const where = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    const cure = /\.(?:toml|ya?ml)$/i.test(file) ? "; TOML and YAML are not read, write it as JSON" : "";
    throw new ConfigError(`it is not valid JSON: ${printParseErrorCode(first.error)} at ${where}${cure}`, { file });
  }
  if (root === undefined) throw new ConfigError("it is empty", { file });
  const overwritten = new Map<unknown, [string, unknown][]>();
  return { content: contentOf(root, { file, overwritten }, 0), overwritten };
}

/** Not the parser's own `getNodeValue`: it assigns, and a server may be called `__proto__`. Of a key that is there twice the last one counts, as in `JSON.parse`. */
function contentOf(
  node: Node,
  context: { readonly file: string; readonly overwritten: Map<unknown, [string, unknown][]> },
  depth: number,
): unknown {
  if (depth > maxDepth) throw tooDeep(context.file);
  const inner = (child: Node): unknown => contentOf(child, context, depth + 1);
  if (node.type === "array") return node.children?.map(inner) ?? [];
  if (node.type !== "object") return node.value;
  const members = (node.children ?? []).flatMap(({ children: [key, value] = [] }): [string, unknown][] =>
    key === undefined || value === undefined ? [] : [[String(key.value), inner(value)]],
  );
  const content = Object.fromEntries(members);
  if (Object.keys(content).length < members.length)
    context.overwritten.set(
      content,
      members.filter(([key, value]) => content[key] !== value),
    );
  return content;
}

function tooDeep(file: string): ConfigError {
  return new ConfigError(`it is nested deeper than ${maxDepth} levels`, { file });
}
