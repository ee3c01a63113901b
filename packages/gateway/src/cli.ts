#!/usr/bin/env node
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { MinionClient } from "@minion/client";
import { Metrics } from "@minion/metrics";
import { Registry } from "prom-client";
import { auditLine } from "./audit.js";
import { gatewayAuth } from "./auth-config.js";
import { type CliArguments, readArguments, usage } from "./cli-arguments.js";
import { closeServer } from "./close-server.js";
import { Credentials } from "./credentials.js";
import { diagnose, formatDiagnoses } from "./doctor.js";
import { isLoopback } from "./door.js";
import { type FleetMember, joinFleet } from "./fleet-member.js";
import { registerFleetMetrics } from "./fleet-metrics.js";
import { Gateway } from "./gateway.js";
import { type GatewayConfig, readGatewayConfig } from "./gateway-config.js";
import { type GatewayOptions, gatewaySettings } from "./gateway-options.js";
import { isRecord } from "./is-record.js";
import { keepLogHarmless, log } from "./log.js";
import { Newcomers } from "./newcomers.js";
import { opsEndpoints } from "./ops-endpoints.js";
import { version } from "./version.js";

/** How the command ends: 0 in good order, 1 a server fails, 2 the start was refused. */
type ExitCode = 0 | 1 | 2;

/** How long the last requests of a server that ends may take to come, and its last answers to be read, in milliseconds. */
const lingerMs = 2_000;
/** How long a connection without a request is kept. Balancers close theirs after 60 s at the most, and must be the first. */
const keepAliveMs = 75_000;

const say = (text: string): void => log(`minion-gateway: ${text}\n`);

async function main(): Promise<ExitCode> {
  const args = readArguments(process.argv.slice(2));
  if (args.mode === "help") process.stdout.write(usage);
  if (args.mode === "version") process.stdout.write(`${version}\n`);
  if (args.mode === "help" || args.mode === "version") return 0;
  const config = await readGatewayConfig(args.config, process.env);
  if (args.mode === "http") checkReachable(args, config);
  const credentials = new Credentials(config.credentials);
  await using member = await join(args, config);
  await using client = await MinionClient.fromConfig(args.config, {
    headers: credentials.headers(),
    names: config.names,
    ...(member && { cache: member.fleet.cache, breaker: member.fleet.breaker }),
    clientInfo: { name: "minion-gateway", version },
    // Results pass as they are.
    defaults: { outputSchemas: "off" },
  });
  checkServers(client, credentials, config.options);
  if (args.mode === "check") {
    // What would refuse the start is refused here too.
    gatewaySettings({ ...optionsOf(config, undefined), client });
    return await check(client);
  }
  for (const [server, { ignored, problems }] of Object.entries(client.configReport ?? {})) {
    for (const { key, why } of ignored) say(`server "${server}": "${key}" is ignored: ${why}`);
    for (const problem of problems) say(problem.message);
  }
  member?.fleet.watch(client);
  if (args.mode === "stdio") return await serveStdio(client, config, member);
  return await serveHttp(client, config, { args, member, credentials });
}

/** The fleet that this gateway is to join, if any. `--check` looks at the servers alone. */
async function join(args: CliArguments, { fleet }: GatewayConfig): Promise<FleetMember | undefined> {
  const url = args.redis ?? process.env.MINION_REDIS_URL;
  if (args.mode === "check") return undefined;
  if (url !== undefined && url !== "") return joinFleet(url, fleet, say);
  if (fleet.quotas.length > 0)
    throw new Error('"quotas" needs --redis URL or MINION_REDIS_URL, where they are counted');
  return undefined;
}

function checkReachable({ host, isInsecure, isSingle }: CliArguments, { auth, stateful }: GatewayConfig): void {
  if (!isLoopback(host) && auth === undefined && !isInsecure)
    throw new Error(`--host ${host} can be reached by others: configure "auth", or say --insecure`);
  if (stateful.length > 0 && !isSingle)
    throw new Error(
      `stateful servers need --single, since another replica has none of their state: ${stateful.join(", ")}`,
    );
}

/** A word that keeps something in or out must not be lost because the server is called otherwise. */
function checkServers(client: MinionClient, credentials: Credentials, options: GatewayConfig["options"]): void {
  const report = client.configReport ?? {};
  const { perUser, interactive, tools, prompts, resources } = options;
  const named = { credentials: credentials.servers, perUser, interactive, tools, prompts, resources };
  for (const [key, value] of Object.entries(named))
    for (const server of serversIn(value))
      if (!Object.hasOwn(report, server)) throw new Error(`gateway.${key}.${server}: there is no such server`);
}

/** What is of another kind is refused by the gateway itself. */
function serversIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map(String);
  return isRecord(value) ? Object.keys(value) : [];
}

async function check(client: MinionClient): Promise<ExitCode> {
  const diagnoses = await diagnose(client);
  process.stdout.write(formatDiagnoses(diagnoses));
  return diagnoses.every(({ ok }) => ok) ? 0 : 1;
}

function optionsOf(config: GatewayConfig, member: FleetMember | undefined): Omit<GatewayOptions, "client"> {
  const { perUser = [] } = config.options;
  return {
    ...config.options,
    // Who has credentials of their own has connections of their own. What is no list is refused by the gateway.
    perUser: Array.isArray(perUser) ? [...new Set([...perUser, ...Object.keys(config.credentials)])] : perUser,
    audit: config.audit ? (entry) => log(auditLine(entry)) : undefined,
    quota: member?.quota,
  };
}

async function serveStdio(
  client: MinionClient,
  config: GatewayConfig,
  member: FleetMember | undefined,
): Promise<ExitCode> {
  await using gateway = new Gateway({ ...optionsOf(config, member), client });
  await Promise.race([gateway.serveStdio(), told("SIGTERM", "SIGINT")]);
  return 0;
}

async function serveHttp(
  client: MinionClient,
  config: GatewayConfig,
  {
    args,
    member,
    credentials,
  }: {
    readonly args: CliArguments;
    readonly member: FleetMember | undefined;
    readonly credentials: Credentials;
  },
): Promise<ExitCode> {
  const { auth, drain } = config;
  const options = optionsOf(config, member);
  const { port, host, path, metricsPort } = args;
  const origin = `http://${host.includes(":") ? `[${host}]` : host}`;
  const allowedHosts = [...(options.allowedHosts ?? []), ...args.allowHosts];
  const registry = new Registry();
  await using gateway = new Gateway({
    ...options,
    client,
    path,
    allowedHosts,
    auth: auth === undefined ? undefined : credentials.watching(gatewayAuth(auth, `${origin}:${port}${path}`)),
    registry,
  });
  const fleet = member?.fleet;
  if (fleet !== undefined) registerFleetMetrics(registry, () => fleet.stats());
  const server = createServer({ keepAliveTimeout: keepAliveMs }, gateway.handler());
  const newcomers = new Newcomers(server);
  const address = await listen(server, port, host);
  const metrics = new Metrics({ registry }).watchClient(client);
  const ops = createServer(
    opsEndpoints(gateway, metrics.handler(), { allowedHosts, fleet: fleet && (() => fleet.status()) }),
  );
  if (metricsPort !== undefined) say(`serving metrics at ${origin}:${(await listen(ops, metricsPort, host)).port}`);
  say(`serving MCP at ${origin}:${address.port}${path}`);
  await told("SIGTERM", "SIGINT");
  say("draining");
  await gateway.drain({ ...drain, beforeRefusing: () => newcomers.gone(lingerMs) });
  // A call that has outlived its grace is answered while its caller is still there to hear that it may have run.
  await Promise.all([closeServer(server, lingerMs), closeServer(ops, lingerMs), client.close({ graceMs: 0 })]);
  return 0;
}

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) resolve(address);
    });
  });
}

/** Resolves with the first of the signals. A second one ends the process as it would without a gateway. */
function told(...signals: readonly NodeJS.Signals[]): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) process.once(signal, () => resolve());
  });
}

keepLogHarmless();
main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exit(2);
  },
);
