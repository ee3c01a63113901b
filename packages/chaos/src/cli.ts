#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { urlsOf } from "./chaos-server.js";
import { helpText, readArguments } from "./cli-arguments.js";
import { FaultController } from "./fault-controller.js";
import { HttpEndpoint } from "./http/http-endpoint.js";
import { Journal } from "./journal.js";
import { startProcess } from "./process/process-host.js";
import { runWrapped } from "./process/wrapper.js";
import { openControl, StdioEndpoint } from "./stdio/stdio-endpoint.js";

const argv = process.argv.slice(2);

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});

async function main(): Promise<void> {
  const { mode, faults, ...args } = readArguments(argv);
  const { journal: journalFile, maxLifeMs = 90_000 } = args;
  if (mode === "help") return void process.stdout.write(helpText());
  if (mode === "version") return void process.stdout.write(`${readVersion()}\n`);
  if (faults.wrapper === "node" || faults.wrapper === "sh") return runWrapped(faults.wrapper, argv, maxLifeMs);
  const journal = new Journal({ file: journalFile, inMemory: false });
  const controller = new FaultController({ owner: "minion-chaos", journal, faults });
  const setEndpoint = startProcess({ controller, journalFile, maxLifeMs });
  if (mode === "stdio") {
    const endpoint = new StdioEndpoint(controller);
    setEndpoint(endpoint);
    if (args.controlPort !== undefined) openControl(controller, args.controlPort);
    await endpoint.open();
  } else {
    const host = args.host ?? "127.0.0.1";
    const endpoint = new HttpEndpoint(controller, { host, allowedHosts: args.allowHost });
    setEndpoint(endpoint);
    const urls = urlsOf(await endpoint.listen(args.port ?? 0), host);
    journal.write({ event: "control", url: urls.controlUrl });
    process.stdout.write(`${JSON.stringify({ ...urls, pid: process.pid })}\n`);
  }
}

function readVersion(): string {
  const manifest: { readonly version: string } = JSON.parse(
    readFileSync(new URL("../package.json", import.meta.url), "utf8"),
  );
  return manifest.version;
}
