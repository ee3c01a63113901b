import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";

/** The root of the repository. */
export const root: string = fileURLToPath(new URL("../../..", import.meta.url));

/** Every package that is published, dependencies before dependants. */
export const packages = ["breaker", "pool", "cache", "metrics", "chaos", "client", "redis", "gateway"] as const;
export type PackageName = (typeof packages)[number];

/** What a package needs of this repository beside itself. */
export const ownDependencies: Readonly<Record<PackageName, readonly PackageName[]>> = {
  breaker: [],
  pool: [],
  cache: [],
  metrics: [],
  chaos: [],
  client: ["breaker", "pool", "cache"],
  redis: ["breaker", "pool", "cache", "client"],
  gateway: ["breaker", "pool", "cache", "metrics", "client"],
};

/** What a command printed. */
export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. Rejects where it exits with anything but 0, unless `allowFailure`. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv; readonly allowFailure?: boolean },
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const env = { ...cleanEnvironment(), ...options.env };
    execFile(command, [...args], { cwd: options.cwd, env, maxBuffer: 67_108_864 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      if (code === 0 || options.allowFailure === true) resolve({ code, stdout, stderr });
      else
        reject(new Error(`${command} ${args.join(" ")} exited with ${code} in ${options.cwd}:\n${stdout}\n${stderr}`));
    });
  });
}

/** The environment without what pnpm, turbo and vitest add to it: a user's shell has none of that. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const added =
    /^(npm_(config_(?!.*registry|cafile|prefix|cache)|lifecycle|package|node|command|execpath)|PNPM|TURBO|VITEST|NODE_OPTIONS|NODE_PATH|INIT_CWD|COREPACK|CI$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !added.test(name)));
}

const created: string[] = [];

/** A new folder that is gone after the tests of the file. */
export async function folder(name: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), `minion-${name}-`));
  created.push(path);
  return path;
}

/** Removes what `folder` made. */
export async function removeFolders(): Promise<void> {
  await Promise.all(created.splice(0).map((path) => rm(path, { recursive: true, force: true })));
}

/** An empty project of a user, with its type. */
export async function emptyProject(name: string): Promise<string> {
  const path = await folder(name);
  await writeFile(join(path, "package.json"), `${JSON.stringify({ name, private: true, type: "module" })}\n`);
  return path;
}

/** The tarball of a package as it would be published: `packed.ts` makes it. */
export function tarballOf(name: PackageName | "adapters"): string {
  const file = inject("tarballs")[name];
  if (file === undefined) throw new Error(`${name} was not packed`);
  return file;
}

/** pnpm as a user without it runs it. */
export const pnpmCommand: readonly [string, ...string[]] = ["npx", "--yes", "pnpm"];

/** The first TypeScript example of a package's README. */
export async function firstExample(name: PackageName): Promise<string> {
  const text = await readFile(join(root, "packages", name, "README.md"), "utf8");
  const example = /^```ts\n([\s\S]*?)^```/m.exec(text)?.[1];
  if (example === undefined) throw new Error(`packages/${name}/README.md has no example`);
  return example;
}

/** Installs packages as a user does; what npm has fetched before it need not ask for again. */
export async function npmInstall(project: string, ...what: readonly string[]): Promise<void> {
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"];
  await run("npm", ["install", ...flags, ...what], { cwd: project });
}
