import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Registry, startRegistry } from "./registry.js";
import { emptyProject, folder, packages, pnpmCommand, removeFolders, root, run } from "./support.js";

const minutes = 60_000;
let registry: Registry;
let clone = "";
let environment: NodeJS.ProcessEnv = {};

/** Runs a tool of the workspace in the scratch clone. */
async function pnpm(...args: readonly string[]): Promise<string> {
  const [command, ...first] = pnpmCommand;
  return (await run(command, [...first, ...args], { cwd: clone, env: environment })).stdout;
}

async function git(...args: readonly string[]): Promise<string> {
  const identity = [
    "-c",
    "user.name=Rehearsal",
    "-c",
    "user.email=rehearsal@example.invalid",
    "-c",
    "commit.gpgsign=false",
  ];
  return (await run("git", [...identity, ...args], { cwd: clone })).stdout;
}

async function versions(): Promise<Record<string, string>> {
  const entries = packages.map(async (name) => {
    const manifest = JSON.parse(await readFile(join(clone, "packages", name, "package.json"), "utf8"));
    return [name, String(manifest.version)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

const changelog = (name: string): Promise<string> => readFile(join(clone, "packages", name, "CHANGELOG.md"), "utf8");

async function changeset(name: string, bump: "patch" | "minor" | "major", text: string): Promise<void> {
  await writeFile(join(clone, ".changeset", "rehearsal.md"), `---\n"@minion/${name}": ${bump}\n---\n\n${text}\n`);
}

async function releaseIt(): Promise<void> {
  await pnpm("exec", "changeset", "version");
  await git("add", "-A");
  await git("commit", "-qm", "Release");
}

beforeAll(async () => {
  registry = await startRegistry();
  const path = await folder("release");
  clone = join(path, "clone");
  // What is committed is what is released; the rehearsal never touches the checkout it starts from.
  await run("git", ["clone", "-q", "--no-hardlinks", root, clone], { cwd: path });
  const config = join(path, "npmrc");
  const host = registry.url.replace(/^http:/, "");
  await writeFile(config, `@minion:registry=${registry.url}\n${host}:_authToken=rehearsal\n`);
  environment = { NPM_CONFIG_USERCONFIG: config, CI: "true" };
  await run(pnpmCommand[0], [...pnpmCommand.slice(1), "install", "--frozen-lockfile", "--prefer-offline"], {
    cwd: clone,
  });
  // The built files are those that the other tests have just used.
  for (const name of packages)
    await cp(join(root, "packages", name, "dist"), join(clone, "packages", name, "dist"), { recursive: true });
  await releaseIt();
}, 5 * minutes);

afterAll(async () => {
  await registry?.close();
  await removeFolders();
});

test(
  "the first release gives every package its first version and a changelog",
  async () => {
    for (const version of Object.values(await versions())) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    for (const name of packages) {
      const log = await changelog(name);
      expect(log).toContain(`# @minion/${name}`);
      expect(log).toMatch(/^- First release: .{20,}\.$/m);
    }
    await pnpm("exec", "changeset", "publish", "--no-git-tag");
    const first = await versions();
    for (const name of packages) expect(registry.versions(`@minion/${name}`)).toEqual([first[name]]);
  },
  5 * minutes,
);

test(
  "a patch of pool releases pool alone: the client's range takes it in",
  async () => {
    const before = await versions();
    await changeset("pool", "patch", "Hands a freed place over a little sooner.");
    await releaseIt();
    const after = await versions();
    expect(after).toEqual({ ...before, pool: expect.not.stringMatching(before.pool ?? "") });
    expect(await git("diff", "--name-only", "HEAD~1", "--", "packages")).not.toMatch(
      /breaker|cache|metrics|chaos|client/,
    );
    await pnpm("exec", "changeset", "publish", "--no-git-tag");
    expect(registry.versions("@minion/pool")).toHaveLength(2);
    for (const name of packages) if (name !== "pool") expect(registry.versions(`@minion/${name}`)).toHaveLength(1);
  },
  5 * minutes,
);

test(
  "a breaking release of pool brings a patch of client, and touches nothing else",
  async () => {
    const before = await versions();
    await changeset("pool", "minor", "Renames an option.");
    await releaseIt();
    const after = await versions();
    expect(after.pool).not.toBe(before.pool);
    expect(after.client?.split(".").slice(0, 2)).toEqual(before.client?.split(".").slice(0, 2));
    expect(after.client).not.toBe(before.client);
    for (const name of ["breaker", "cache", "metrics", "chaos"]) expect(after[name]).toBe(before[name]);
    expect(await changelog("pool")).toContain(`## ${after.pool}\n\n### Minor Changes\n\n- Renames an option.\n`);
    expect(await changelog("client")).toContain(
      `## ${after.client}\n\n### Patch Changes\n\n- Uses @minion/pool ${after.pool}.\n`,
    );
    await pnpm("exec", "changeset", "publish", "--no-git-tag");
    expect(registry.versions("@minion/pool").at(-1)).toBe(after.pool);
    expect(registry.versions("@minion/client").at(-1)).toBe(after.client);
    expect(registry.versions("@minion/breaker")).toHaveLength(1);
  },
  5 * minutes,
);

test(
  "what was published is what a user installs",
  async () => {
    const project = await emptyProject("user");
    await run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "@minion/client"], {
      cwd: project,
      env: environment,
    });
    const script = `import { MinionClient } from "@minion/client"; const client = new MinionClient({ servers: {} }); console.log(client.status().length); await client.close();`;
    await writeFile(join(project, "use.mjs"), script);
    expect((await run(process.execPath, ["use.mjs"], { cwd: project })).stdout.trim()).toBe("0");
    const pool = JSON.parse(await readFile(join(project, "node_modules", "@minion", "pool", "package.json"), "utf8"));
    expect(pool.version).toBe(registry.versions("@minion/pool").at(-1));
  },
  5 * minutes,
);
