import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { parse as parseEnv } from "dotenv";
import { ConfigError } from "../errors.js";
import { isObject, messageOf } from "../untrusted.js";
import { checkServer } from "./check-config.js";
import type { ConfigHost } from "./config-file.js";
import { type EntryShape, entryShape } from "./entry-shape.js";
import type { ServerConfig, ServerPolicy } from "./server-config.js";
import type { Variables } from "./variables.js";

/** What an entry of a configuration is read with. */
export interface EntryContext {
  /** What relative paths begin at. */
  readonly folder: string;
  readonly host: ConfigHost | undefined;
  readonly variables: Variables;
  readonly defaults: ServerPolicy | undefined;
  /** Told of each reference that was found nowhere and stays as it is. */
  readonly onUnresolved: (reference: string) => void;
  /** Told of each key that has no effect. */
  readonly onIgnored: (key: string, why: string) => void;
}

/**
 * Reads the entry of one server.
 *
 * @throws ConfigError that names the server and the key
 */
export async function readEntry(server: string, entry: unknown, context: EntryContext): Promise<ServerConfig> {
  if (!isObject(entry)) throw new ConfigError("it must be an object", { server });
  const shape = entryShape(entry, context.host);
  for (const { key, why } of shape.ignored) context.onIgnored(key, why);
  const target = await targetOf(shape, context);
  const replicas =
    shape.replicas && (await Promise.all(shape.replicas.map((replica, index) => replicaOf(replica, index, context))));
  const config: unknown = { ...target, ...shape.own, ...(replicas !== undefined && { replicas }) };
  checkServer(server, config, context.defaults);
  return config;
}

async function replicaOf(entry: unknown, index: number, context: EntryContext): Promise<Record<string, unknown>> {
  const key = `replicas[${index}]`;
  if (!isObject(entry)) throw new ConfigError("it must be an object", { key });
  const shape = entryShape(entry, context.host);
  return { ...(await targetOf(shape, context)), ...shape.own };
}

/** How the server is reached, with its variables replaced. */
async function targetOf(shape: EntryShape, context: EntryContext): Promise<Record<string, unknown>> {
  const { variables } = context;
  const raw = new Map([...shape.env].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
  /** Replaces every variable; a program expands no part of these, so that one that is found nowhere is an error. */
  const whole = async (text: string, key: string): Promise<string> => {
    const { text: expanded, missing } = await expand(text, key);
    if (missing[0] !== undefined) throw notFound(missing[0], key);
    return expanded;
  };
  const partly = async (text: string, key: string, own?: string): Promise<string> => {
    const { text: expanded, missing } = await expand(text, key, own);
    for (const reference of missing) context.onUnresolved(reference);
    return expanded;
  };
  const expand = (text: string, key: string, own?: string) =>
    variables.expand(text, raw, new Set(own === undefined ? [] : [own])).catch((error: unknown) => {
      throw error instanceof ConfigError ? new ConfigError(error.problem, { key, cause: error.cause }) : error;
    });

  const remote: Record<string, unknown> = {};
  if (shape.url !== undefined) {
    remote.url = await whole(shape.url, "url");
    const headers: [string, string][] = [];
    for (const [name, value] of shape.headers) headers.push([name, await whole(value, `headers.${name}`)]);
    if (headers.length > 0) remote.headers = Object.fromEntries(headers);
  }
  const local: Record<string, unknown> = {};
  if (shape.command !== undefined) {
    const cwd = shape.cwd === undefined ? undefined : pathFrom(context.folder, await whole(shape.cwd, "cwd"));
    local.command = checkedCommand(await whole(shape.command, "command"), shape.args, cwd ?? process.cwd());
    const args: string[] = [];
    for (const [index, text] of shape.args.entries()) args.push(await partly(text, `args[${index}]`));
    if (args.length > 0) local.args = args;
    const file =
      shape.envFile === undefined ? undefined : pathFrom(context.folder, await whole(shape.envFile, "envFile"));
    const env: [string, string | undefined][] = file === undefined ? [] : Object.entries(await envOf(file));
    for (const [name, value] of shape.env)
      env.push([name, value === undefined ? undefined : await partly(value, `env.${name}`, name)]);
    if (env.length > 0) local.env = Object.fromEntries(env);
    if (cwd !== undefined) local.cwd = cwd;
  }
  return { ...local, ...remote, ...(shape.type !== undefined && { type: shape.type }) };
}

function notFound(reference: string, key: string): ConfigError {
  const [, id] = /^input:(.*)$/.exec(reference) ?? [];
  const cure =
    id !== undefined
      ? `give options.input, which is asked for it, or options.variables["${reference}"]`
      : /^(?:env:)?[A-Za-z_]\w*$/.test(reference)
        ? `set it, give it in options.variables, or write \${${reference}:-default}`
        : `give options.variables["${reference}"]`;
  const name = reference.replace(/^env:/, "");
  return new ConfigError(`the variable ${name.slice(0, 100)} is not set: ${cure}`, { key });
}

/** A path as a person writes it: `~` is the home folder, a relative one begins at the file. */
function pathFrom(folder: string, path: string): string {
  const [, rest] = /^~(?:[\\/](.*))?$/s.exec(path) ?? [];
  return path === "~" || rest !== undefined ? join(homedir(), rest ?? "") : resolve(folder, path);
}

async function envOf(file: string): Promise<Record<string, string>> {
  try {
    return parseEnv(await readFile(file, "utf8"));
  } catch (cause) {
    throw new ConfigError(`it cannot be read: ${messageOf(cause)}`, { key: "envFile", cause });
  }
}

/** Tells a command line from the path of a program that has a space in it. */
function checkedCommand(command: string, args: readonly string[], cwd: string): string {
  const [first = "", ...more] = command.trim().split(/\s+/);
  // Beside args, what looks like a path may have a space in it.
  if (more.length === 0 || (args.length > 0 && /[\\/]/.test(first))) return command;
  const folders = [cwd, ...(process.env.PATH ?? "").split(delimiter)];
  if (folders.some((folder) => existsSync(resolve(folder, command)))) return command;
  throw new ConfigError(
    "it is a program with its arguments in one string: write the program here and each argument in args",
    {
      key: "command",
    },
  );
}
