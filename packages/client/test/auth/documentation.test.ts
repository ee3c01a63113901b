import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support.js";
import { startAuthorizationServer } from "./authorization-server.js";
import { startProtectedServer } from "./protected-server.js";

const timeout = 120_000;
const page = readFileSync(new URL("../../../../docs/authorization.md", import.meta.url), "utf8");
const [login = "", service = ""] = [...page.matchAll(/```js no-run\n([\s\S]*?)```/g)].map(([, code = ""]) => code);

/** Runs an example as a program that has this package installed. */
function run(
  code: string,
  args: readonly string[],
  env: Record<string, string> = {},
): { readonly child: ChildProcess; readonly said: () => string } {
  const folder = mkdtempSync(fileURLToPath(new URL("../../example-", import.meta.url)));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(`${folder}/example.mjs`, code);
  const child = spawn(process.execPath, [`${folder}/example.mjs`, ...args], { env: { ...process.env, ...env } });
  onTestFinished(() => void child.kill("SIGKILL"));
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (piece) => (text += piece));
  return { child, said: () => text };
}

test("Example: a command-line login with a loopback redirect, in under 40 lines", { timeout }, async () => {
  const authorization = await startAuthorizationServer();
  const { url } = await startProtectedServer(authorization);
  expect(login.trim().split("\n").length).toBeLessThan(40);
  const { child, said } = run(login, [url, "read"]);
  const ended = once(child, "exit");
  await until(() => /Log in at \S+\n/.test(said()) || child.exitCode !== null, "the user is sent off", 60_000);
  const address = /Log in at (\S+)/.exec(said())?.[1];
  if (address === undefined) throw new Error(said());
  const back = new URL(new URL(address).searchParams.get("redirect_uri") ?? "");
  back.search = authorization.agree(new URL(address)).toString();
  expect(await (await fetch(back)).text()).toContain("logged in");
  expect(await ended).toEqual([0, null]);
  expect(said()).toMatch(/ann\n$/);
});

test("Example: a service with client credentials", { timeout }, async () => {
  const authorization = await startAuthorizationServer({
    metadata: {
      grant_types_supported: ["client_credentials"],
      token_endpoint_auth_methods_supported: ["client_secret_basic"],
    },
  });
  const { url } = await startProtectedServer(authorization);
  const env = { MCP_URL: url, CLIENT_ID: "svc", CLIENT_SECRET: "secret-1", ISSUER: authorization.issuer };
  const { child, said } = run(service, [], env);
  const [code] = await once(child, "exit");
  expect(said()).toBe("client\n");
  expect(code).toBe(0);
});
