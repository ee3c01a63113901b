import type { MinionClientOptions } from "./client-options.js";
import type { ReadConfigOptions } from "./read-config.js";

/** How {@link MinionClient.fromConfig} reads a configuration, and everything that `new MinionClient` takes but the servers. */
export interface FromConfigOptions extends Omit<MinionClientOptions, "servers">, ReadConfigOptions {}

const rules: Readonly<Record<keyof ReadConfigOptions, readonly [rule: string, holds: (value: unknown) => boolean]>> = {
  host: ["the name of a host", (value) => hosts.has(String(value))],
  workspaceFolder: ["a path", (value) => typeof value === "string" && value !== ""],
  variables: [
    "an object of strings",
    (value) =>
      typeof value === "object" && value !== null && Object.values(value).every((one) => typeof one === "string"),
  ],
  input: ["a function", (value) => typeof value === "function"],
  headers: [
    "an object of functions",
    (value) =>
      typeof value === "object" && value !== null && Object.values(value).every((one) => typeof one === "function"),
  ],
  strict: ["true or false", (value) => typeof value === "boolean"],
};
const hosts = new Set(
  "claude claude-code cursor vscode windsurf gemini cline roo zed copilot opencode amazon-q kiro".split(" "),
);

/** What is for the client, and what is for reading. @throws TypeError for a bad value; the client checks its own options */
export function splitFromConfigOptions(options: FromConfigOptions): {
  readonly client: Omit<MinionClientOptions, "servers">;
  readonly reading: ReadConfigOptions;
} {
  if (typeof options !== "object" || options === null)
    throw new TypeError("MinionClient.fromConfig: options must be an object");
  const { host, workspaceFolder, variables, input, headers, strict, ...client } = options;
  const reading = { host, workspaceFolder, variables, input, headers, strict };
  for (const [key, [rule, holds]] of Object.entries(rules)) {
    const value: unknown = Reflect.get(reading, key);
    if (value !== undefined && !holds(value)) throw new TypeError(`MinionClient.fromConfig: ${key} must be ${rule}`);
  }
  return { client, reading };
}
