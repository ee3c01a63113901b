import { basename } from "node:path";
import type { ConfigReport, MinionClient } from "@minion/client";
import type { LiveServer } from "./live.js";
import type { ConfigurationView } from "./live-state.js";

/** What the page says of a configuration, and the servers that stand in it. */
export interface OwnServers {
  readonly view: ConfigurationView;
  readonly servers: readonly LiveServer[];
}

/**
 * The servers of the user's own configuration `file`, each asked with a ping whether it is there: their tools may do anything,
 * and a list that is cached says nothing of a server that has died meanwhile.
 */
export function ownServers(client: MinionClient, file: string): OwnServers {
  const report = client.configReport ?? {};
  const disabled = Object.keys(report).filter((name) => report[name]?.disabled);
  return {
    view: { file: basename(file), disabled },
    servers: client.status().map(({ name }) => {
      const entry = report[name];
      const problem = entry?.problems.map(({ message }) => message).join("\n");
      return {
        name,
        withMinion: pinging(client, name),
        bare: undefined,
        breakage: undefined,
        countProcesses: undefined,
        own: { notes: entry === undefined ? [] : notesOf(entry), problem: problem === "" ? undefined : problem },
      };
    }),
  };
}

/** Pings a server; once it has answered, its tools are listed, so that their number is known. */
function pinging(client: MinionClient, name: string): () => Promise<void> {
  let isListed = false;
  return async () => {
    await client.ping(name);
    if (isListed) return;
    isListed = true;
    client.listTools(name).catch(() => undefined);
  };
}

/** The report of a configuration for the terminal: what of the file was ignored and why, and what cannot be used. */
export function reportLines(report: ConfigReport): string[] {
  const entries = Object.entries(report);
  const count = (condition: (entry: ConfigReport[string]) => boolean): number =>
    entries.filter(([, entry]) => condition(entry)).length;
  const unusable = count(({ problems }) => problems.length > 0);
  const disabled = count((entry) => entry.disabled);
  const summary = [
    `${count(({ loaded }) => loaded)} of ${entries.length} servers can be used`,
    ...(unusable > 0 ? [`${unusable} cannot`] : []),
    ...(disabled > 0 ? [`${disabled} switched off in the file`] : []),
  ].join(", ");
  const details = entries.flatMap(([name, entry]) => [
    ...(entry.disabled ? [`  ${name}: switched off in the file`] : []),
    ...entry.problems.map(({ message }) => `  ${name}: cannot be used. ${message}`),
    ...notesOf(entry).map((note) => `  ${name}: ${note}`),
  ]);
  return [`${summary}.`, ...details].map(printable);
}

function notesOf({ ignored, unresolved }: ConfigReport[string]): string[] {
  return [
    ...ignored.map(({ key, why }) => `"${key}": ${why}`),
    ...unresolved.map((reference) => `variable ${reference}: it was found nowhere and stays as it is`),
  ];
}

/** A name in a file may hold what would move the cursor of a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}
