import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MinionClient } from "@minion/client";
import { expect, onTestFinished, test, vi } from "vitest";
import { readArguments } from "../src/cli-arguments.js";
import { readGatewayConfig } from "../src/gateway-config.js";
import { opsEndpoints } from "../src/ops-endpoints.js";
import { listening, startGateway } from "./support.js";

const folder = fileURLToPath(new URL("../../../docs/gateway/", import.meta.url));
const pages = [
  fileURLToPath(new URL("../README.md", import.meta.url)),
  ...readdirSync(folder).map((name) => join(folder, name)),
].map((file) => ({ file, text: readFileSync(file, "utf8") }));

/** What follows the name of the gateway, in a line of a shell or of a unit, or in a list of JSON or YAML. */
function commandsOf(text: string): readonly (readonly string[])[] {
  const lines = text.matchAll(/(?:npx (?:-\S+ )?@minion\/gateway|minion-gateway) (--[^#\n`]*)/g);
  const lists = text.matchAll(/"@minion\/gateway",([^\]]*)\]/g);
  return [
    ...[...lines].map(([, args = ""]) => args.trim().split(/\s+/)),
    ...[...lists].map(([, args = ""]): string[] => JSON.parse(`[${args}]`)),
  ];
}

const commands = pages.flatMap(({ file, text }) =>
  commandsOf(text).map((args) => ({ page: file.slice(file.lastIndexOf("/") + 1), args })),
);

test.each(commands)("a documented command of $page is understood", ({ args }) => {
  expect(readArguments(args).config).toMatch(/\.json$/);
});

test("there are documented commands on the page of each host and of the deployment", () => {
  const found = new Set(commands.map(({ page }) => page));
  expect([...found].sort()).toEqual(["README.md", "claude-desktop.md", "cursor.md", "deployment.md", "vscode.md"]);
});

const configs = pages.flatMap(({ file, text }) =>
  [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json = ""]) => ({
    page: file.slice(file.lastIndexOf("/") + 1),
    json,
  })),
);

test.each(configs)("a documented file of $page is read whole: nothing in it is ignored", async ({ json }) => {
  const home = mkdtempSync(join(tmpdir(), "minion-documents-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const file = join(home, "mcp.json");
  writeFileSync(file, json);
  for (const name of ["TICKETS_TOKEN", "GATEWAY_KEY_ANN"]) vi.stubEnv(name, `a-value-of-${name}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(readGatewayConfig(file, process.env)).resolves.toBeDefined();
  await using client = await MinionClient.fromConfig(file, { input: async () => "what was asked for" });
  const reports = Object.entries(client.configReport ?? {});
  expect(reports.length).toBeGreaterThan(0);
  for (const [server, { ignored, problems }] of reports)
    expect({ server, ignored, problems }).toEqual({ server, ignored: [], problems: [] });
});

const deployment = readFileSync(join(folder, "deployment.md"), "utf8");

test("G4: every probe of the deployment page is answered, and every stop waits longer than a drain takes", async () => {
  const { gateway } = await startGateway({});
  const ops = await listening(createServer(opsEndpoints(gateway, (_, response) => response.end(), {})));
  await vi.waitFor(() => expect(gateway.status().ready).toBe(true), 20_000);
  const paths = [...deployment.matchAll(/(?:option httpchk GET|httpGet: \{ path:) (\/\w+)/g)].map(([, path]) => path);
  expect(paths).toEqual(["/readyz", "/livez", "/readyz"]);
  for (const path of paths) expect((await fetch(`${ops}${path}`)).status).toBe(200);
  const [delayMs, ownDelayMs, graceMs] = [2_000, 5_000, 30_000];
  const stops = [...deployment.matchAll(/(?:TimeoutStopSec=|terminationGracePeriodSeconds: )(\d+)/g)];
  expect(stops).toHaveLength(2);
  for (const [, seconds] of stops)
    expect(Number(seconds) * 1_000).toBeGreaterThan(Math.max(delayMs, ownDelayMs) + graceMs);
});

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

test.skipIf(!hasSystemd)("systemd takes the unit of the deployment page as it is", () => {
  const [, unit = ""] = /```text\n(\[Unit\][\s\S]*?)```/.exec(deployment) ?? [];
  const home = mkdtempSync(join(tmpdir(), "minion-unit-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const file = join(home, "minion-gateway.service");
  const verify = (text: string) => {
    // What it starts need not be installed here.
    writeFileSync(file, text.replace("/usr/bin/npx", "/bin/sh"));
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8" });
    return { status, said: `${stdout}${stderr}`.split("\n").filter((line) => line.includes("minion-gateway")) };
  };
  expect(verify(unit)).toEqual({ status: 0, said: [] });
  expect(verify(unit.replace("KillMode", "KilMode")).said).toEqual([expect.stringContaining("KilMode")]);
});
