import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { ReadConfigOptions } from "../../src/config/read-config.js";
import { readConfig } from "../../src/config/read-config.js";

const url = "https://example.com/mcp";
/** `${name}`, which would be a template here. */
const ref = (name: string): string => `$\{${name}}`;

interface Row {
  readonly host: string;
  /** Where the file is, in a folder of its own; `@` in values stands for that folder. */
  readonly path: string;
  /** What is written, as the documentation of the host has it. */
  readonly file: object;
  /** What the entry `x` becomes. */
  readonly becomes: object;
  /** The keys told as ignored. */
  readonly ignored?: readonly string[];
  readonly options?: ReadConfigOptions;
}

/** After the documentation of each host, with values that are nobody's. */
const rows: readonly Row[] = [
  {
    host: "Claude Desktop",
    path: "claude_desktop_config.json",
    file: { mcpServers: { x: { command: "npx", args: ["-y", "a-server", "/data"], env: { API_KEY: "made-up" } } } },
    becomes: { command: "npx", args: ["-y", "a-server", "/data"], env: { API_KEY: "made-up" } },
  },
  {
    host: "Claude Code",
    path: ".mcp.json",
    file: {
      mcpServers: {
        x: { type: "http", url: ref("MINION_URL:-https://example.com/mcp"), timeout: 5000, headersHelper: "helper.sh" },
      },
    },
    becomes: { type: "http", url, callTimeoutMs: 5000 },
    ignored: ["headersHelper"],
  },
  {
    host: "Cursor",
    path: ".cursor/mcp.json",
    file: {
      mcpServers: {
        x: {
          type: "stdio",
          command: "python",
          args: [`${ref("workspaceFolder")}/server.py`, ref("userHome")],
          envFile: ".env",
          auth: { CLIENT_ID: "made-up" },
        },
      },
    },
    becomes: { type: "stdio", command: "python", args: ["@/server.py", homedir()], env: { FROM_FILE: "two words" } },
    ignored: ["auth"],
  },
  {
    host: "VS Code",
    path: ".vscode/mcp.json",
    file: {
      inputs: [{ type: "promptString", id: "key", description: "A key", password: true }],
      servers: {
        x: {
          type: "stdio",
          command: "npx",
          env: { KEY: ref("input:key"), PORT: 8080, PATH: null },
          dev: { watch: "src/**" },
          sandboxEnabled: true,
        },
      },
    },
    becomes: { type: "stdio", command: "npx", env: { KEY: "typed", PORT: "8080", PATH: undefined } },
    ignored: ["sandboxEnabled"],
    options: { input: (id, description) => (id === "key" && description === "A key" ? "typed" : "wrong") },
  },
  {
    host: "VS Code's settings",
    path: "settings.json",
    file: { "editor.fontSize": 12, mcp: { inputs: [], servers: { x: { command: "node", args: ["a.js"] } } } },
    becomes: { command: "node", args: ["a.js"] },
  },
  {
    host: "Windsurf",
    path: "mcp_config.json",
    file: { mcpServers: { x: { serverUrl: url, headers: { API_KEY: "made-up" }, disabledTools: ["drop"] } } },
    becomes: { url, headers: { API_KEY: "made-up" }, tools: { deny: ["drop"] } },
  },
  {
    host: "Gemini",
    path: ".gemini/settings.json",
    file: {
      mcp: { allowed: ["x"] },
      mcpServers: {
        x: {
          httpUrl: url,
          headers: { Authorization: "Bearer $MINION_WORD" },
          timeout: 3000,
          trust: true,
          includeTools: ["a", "b"],
          excludeTools: ["b"],
        },
        y: { command: "node" },
      },
    },
    becomes: {
      type: "http",
      url,
      headers: { Authorization: "Bearer word" },
      callTimeoutMs: 3000,
      tools: { allow: ["a", "b"], deny: ["b"] },
    },
  },
  {
    host: "Cline",
    path: "cline_mcp_settings.json",
    file: { mcpServers: { x: { type: "streamableHttp", url, timeout: 30, autoApprove: ["a"], disabled: false } } },
    becomes: { type: "http", url, callTimeoutMs: 30_000 },
  },
  {
    host: "Cline, older",
    path: "cline_mcp_settings.json",
    file: { mcpServers: { x: { transportType: "sse", url } } },
    becomes: { type: "sse", url },
  },
  {
    host: "Roo Code",
    path: ".roo/mcp.json",
    file: {
      mcpServers: {
        x: {
          command: "node",
          args: ["a.js"],
          cwd: "tools",
          timeout: 2,
          alwaysAllow: ["a"],
          disabledTools: ["b"],
          watchPaths: ["a.js"],
        },
      },
    },
    becomes: { command: "node", args: ["a.js"], cwd: "@/.roo/tools", callTimeoutMs: 2000, tools: { deny: ["b"] } },
  },
  {
    host: "Zed",
    path: "settings.json",
    file: {
      context_servers: {
        x: { source: "custom", command: { path: "node", args: ["a.js"], env: { A: true } }, settings: { b: 1 } },
      },
    },
    becomes: { command: "node", args: ["a.js"], env: { A: "true" } },
    ignored: ["settings"],
  },
  {
    host: "GitHub Copilot",
    path: "mcp.json",
    file: { mcpServers: { x: { type: "local", command: "npx", args: ["a"], tools: ["*"] } } },
    becomes: { type: "stdio", command: "npx", args: ["a"], tools: { allow: ["*"] } },
  },
  {
    host: "OpenCode",
    path: "opencode.json",
    file: {
      $schema: "https://example.com/config.json",
      mcp: {
        x: { type: "local", command: ["bun", "x", "a"], environment: { A: "b" }, enabled: true, timeout: 7000 },
        off: { type: "remote", url, enabled: false },
      },
    },
    becomes: { type: "stdio", command: "bun", args: ["x", "a"], env: { A: "b" }, callTimeoutMs: 7000 },
  },
  {
    host: "OpenCode, remote",
    path: "opencode.json",
    file: { mcp: { x: { type: "remote", url, headers: {}, oauth: { clientId: "made-up" } } } },
    becomes: { url },
    ignored: ["oauth"],
  },
  {
    host: "Amazon Q",
    path: ".amazonq/mcp.json",
    file: { mcpServers: { x: { command: "node", timeout: 60000 } } },
    becomes: { command: "node", callTimeoutMs: 60_000 },
  },
  {
    host: "Kiro",
    path: ".kiro/settings/mcp.json",
    file: { mcpServers: { x: { command: "node", disabledTools: ["a"], autoApprove: ["b"], timeout: 5 } } },
    becomes: { command: "node", tools: { deny: ["a"] } },
    ignored: ["timeout"],
  },
  {
    host: "any, transport as an object",
    path: "mcp.json",
    file: { mcpServers: { x: { transport: { type: "Streamable-HTTP", url, headers: { A: 1 } } } } },
    becomes: { type: "http", url, headers: { A: "1" } },
  },
  {
    host: "any, transport as a word",
    path: "mcp.json",
    file: { servers: { x: { transport: "streamable_http", url } } },
    becomes: { type: "http", url },
  },
  {
    host: "mcp-remote's README",
    path: "mcp.json",
    file: {
      mcpServers: {
        x: {
          command: "npx",
          args: ["mcp-remote", url, "--header", `Authorization:${ref("AUTH_HEADER")}`],
          env: { AUTH_HEADER: `Bearer ${ref("MINION_WORD")}` },
        },
      },
    },
    becomes: {
      command: "npx",
      args: ["mcp-remote", url, "--header", "Authorization:Bearer word"],
      env: { AUTH_HEADER: "Bearer word" },
    },
  },
];

function workspace(): string {
  const folder = mkdtempSync(join(tmpdir(), "minion-hosts-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test.each(rows)(
  "M20: $host in $path: each key is honoured or told",
  async ({ path, file, becomes, ignored = [], options = {} }) => {
    vi.stubEnv("MINION_WORD", "word");
    vi.stubEnv("MINION_URL", "");
    onTestFinished(() => void vi.unstubAllEnvs());
    const folder = workspace();
    const at = join(folder, path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, JSON.stringify(file));
    writeFileSync(join(dirname(at), ".env"), 'export FROM_FILE="two words"\n');
    const { servers, report } = await readConfig(at, options, undefined);
    expect(report.x).toMatchObject({ loaded: true, problems: [], unresolved: [] });
    const inFolder = JSON.parse(JSON.stringify(servers.x).replaceAll(folder, "@"));
    expect(inFolder).toEqual(JSON.parse(JSON.stringify(becomes)));
    expect(report.x?.ignored.map(({ key }) => key)).toEqual(ignored);
    expect(report.x?.ignored.every(({ why }) => why.length > 10)).toBe(true);
  },
);

test("M20: the table of hosts in the documentation is this one", () => {
  const page = readFileSync(new URL("../../../../docs/configuration.md", import.meta.url), "utf8");
  const code = (value: unknown): string => `\`${JSON.stringify(value).replaceAll("|", "\\|")}\``;
  const lines = rows.map(({ host, path, file, becomes, ignored = [] }) => {
    const told = ignored.length === 0 ? "" : ignored.map((key) => `\`${key}\``).join(", ");
    return `| ${host} | \`${path}\` | ${code(file)} | ${code(becomes).replaceAll(homedir(), "~")} | ${told} |`;
  });
  if (process.env.MINION_WRITE_TABLES === "1") {
    const file = new URL("../../../../docs/configuration.md", import.meta.url);
    writeFileSync(
      file,
      page.replace(
        /(<!-- hosts -->\n)[\s\S]*(<!-- \/hosts -->)/,
        `$1${["| host | file | written | read as | told as ignored |", "|---|---|---|---|---|", ...lines].join("\n")}\n$2`,
      ),
    );
    return;
  }
  for (const line of lines) expect(page).toContain(line);
});

test("M20: servers that the file switches off are reported, and are nowhere else", async () => {
  const gemini = { mcp: { excluded: ["no"] }, mcpServers: { no: { command: "node" }, yes: { command: "node" } } };
  const { servers, report } = await readConfig(gemini, {}, undefined);
  expect(Object.keys(servers)).toEqual(["yes"]);
  expect(report.no).toEqual({ loaded: false, disabled: true, ignored: [], problems: [], unresolved: [] });
});

test("M20: a filter that cannot be read costs the server: it must not let through what it was to keep out", async () => {
  for (const filter of [
    { disabledTools: "drop" },
    { tools: { only: ["a"] } },
    { excludeTools: { a: true } },
    { tools: 7 },
  ]) {
    const { broken } = await readConfig({ mcpServers: { x: { command: "node", ...filter } } }, {}, undefined);
    expect(broken.map(({ error }) => error.key)).toEqual([Object.keys(filter)[0]]);
  }
  const both = { command: "node", tools: ["*"], includeTools: ["a", "b"] };
  const { servers } = await readConfig({ mcpServers: { x: both, none: { ...both, tools: [] } } }, {}, undefined);
  expect(servers.x?.tools).toEqual({ allow: ["a", "b"] });
  expect(servers.none?.tools).toEqual({ allow: [] });
});

test("M20: a server, a key or a block of servers that a file has twice is told, and no server is lost by it", async () => {
  const path = join(workspace(), "mcp.json");
  const a = (command: string): string => `"a": { "command": "${command}" }`;
  const read = async (
    text: string,
  ): Promise<readonly [servers: unknown, report: Awaited<ReturnType<typeof readConfig>>["report"]]> => {
    writeFileSync(path, text);
    const { servers, report } = await readConfig(path, {}, undefined);
    return [servers, report];
  };
  const why = "the file has this server more than once; one counts";
  for (const [text, command] of [
    [`{ "mcpServers": { ${a("first")}, ${a("last")} } }`, "last"],
    [`{ "mcpServers": { ${a("first")} }, "mcpServers": { ${a("last")} } }`, "last"],
    [`{ "servers": { ${a("servers")} }, "mcpServers": { ${a("mcpServers")} } }`, "mcpServers"],
  ] as const) {
    const [servers, report] = await read(text);
    expect(servers).toEqual({ a: { command } });
    expect(report.a).toMatchObject({ loaded: true, ignored: [{ key: "a", why }] });
  }
  const [servers, report] = await read(
    `{ "mcpServers": { ${a("a")} }, "mcpServers": { "b": { "command": "b", "args": ["1"], "args": ["2"] } }, "mcpServers": null }`,
  );
  expect(servers).toEqual({ a: { command: "a" }, b: { command: "b", args: ["2"] } });
  expect(report.a?.ignored).toEqual([]);
  expect(report.b?.ignored).toEqual([{ key: "args", why: "it is there more than once; the last one counts" }]);
});

test("M20: hostile files: deep, huge, keys that are there twice, __proto__, and no value of them in an error", async () => {
  const folder = workspace();
  const at = (text: string): string => {
    const path = join(folder, "mcp.json");
    writeFileSync(path, text);
    return path;
  };
  for (const text of ["[".repeat(300_000), `{"mcpServers":${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}}`])
    await expect(readConfig(at(text), {}, undefined)).rejects.toMatchObject({ code: "ERR_MCP_CONFIG" });
  const many = Object.fromEntries(
    Array.from({ length: 2_000 }, (_, index) => [`s${index}`, { command: "node", args: ["x".repeat(100)] }]),
  );
  expect(Object.keys((await readConfig(at(JSON.stringify({ mcpServers: many })), {}, undefined)).servers)).toHaveLength(
    2_000,
  );
  const odd = '{ "mcpServers": { "__proto__": { "command": "node", "args": ["first"], "args": ["last"] } } }';
  const { servers } = await readConfig(at(odd), {}, undefined);
  expect(Object.entries(servers)).toEqual([["__proto__", { command: "node", args: ["last"] }]]);
  const secret = "sk-a-secret-of-nobody";
  for (const text of [
    `{ "mcpServers": { "x": { "command": "node", "env": { "KEY": "${secret}" ] } } }`,
    `{ "mcpServers": { "x": { "url": "not a url ${secret}" } } }`,
    `{ "mcpServers": { "x": { "command": "node ${secret}" } } }`,
    `{ "mcpServers": { "x": { "url": "https://example.com", "headers": { "A": ["${secret}"] } } } }`,
    `{ "mcpServers": { "x": { "type": "${secret}", "url": "https://example.com" } } }`,
  ]) {
    const told: unknown = await readConfig(at(text), {}, undefined).then(
      ({ broken }) => broken[0]?.error,
      (error: unknown) => error,
    );
    expect(told).toMatchObject({ code: "ERR_MCP_CONFIG" });
    expect(String(told)).not.toContain(secret);
  }
});
