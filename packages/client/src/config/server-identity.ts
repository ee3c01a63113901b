import { createHash, randomUUID } from "node:crypto";
import type { Target } from "./policy.js";

/**
 * A hash that stands for where a server is reached: URL, or command, arguments and working directory, and the names of
 * headers and variables, of all its replicas in their order. Values of headers and variables are not in it. Where one is
 * connected to by a function it is another one each time: nothing says that another process means the same server.
 */
export function serverIdentity(targets: readonly Target[]): string {
  const places = targets.map(placeOf);
  return createHash("sha256").update(JSON.stringify(places)).digest("hex").slice(0, 32);
}

function placeOf(target: Target): readonly unknown[] {
  if ("connect" in target) return ["custom", randomUUID()];
  if ("url" in target) return ["url", target.url, typeof target.headers === "function" ? "" : namesOf(target.headers)];
  return ["command", target.command, target.args ?? [], target.cwd ?? null, namesOf(target.env)];
}

function namesOf(values: Readonly<Record<string, string | undefined>> | undefined): readonly string[] {
  return Object.keys(values ?? {}).sort();
}
