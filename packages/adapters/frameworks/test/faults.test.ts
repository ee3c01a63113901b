import type { ChaosServer } from "@minion/chaos";
import { expect, test } from "vitest";
import { type Loop, type Received, type ToolUse, textOf } from "../support/loop.js";
import { loops } from "../support/loops.js";
import { expectInReadme, table } from "../support/readme.js";
import { chaos, count, minion } from "../support/servers.js";

const faults: Readonly<Record<string, (server: ChaosServer) => void>> = {
  "session lost (404)": (server) => server.forgetSessions(),
  "503, Retry-After 1": (server) => server.set({ status: 503, retryAfter: 1, only: "calls", times: 1 }),
  "reset after the effect": (server) => server.set({ resetSocket: true, when: "after", only: "calls", times: 1 }),
  "502 after the effect": (server) => server.set({ status: 502, when: "after", only: "calls", times: 1 }),
};

interface Outcome {
  readonly received: Received | undefined;
  readonly isAnswered: boolean;
  readonly effects: number;
  readonly isNextOk: boolean;
}

/** One call of a tool that must not run twice, while the fault strikes, and a harmless one after it. */
async function strike(
  server: ChaosServer,
  fault: (server: ChaosServer) => void,
  run: (use: ToolUse) => Promise<Received>,
  nameOf: (tool: string) => string,
): Promise<Outcome> {
  await run({ name: nameOf("readOnly") });
  fault(server);
  const received = await run({ name: nameOf("sideEffect"), args: { key: "order-1" } }).catch(() => undefined);
  server.set({ status: undefined, resetSocket: false });
  const next = await run({ name: nameOf("echo"), args: { text: "hello again" } }).catch(() => undefined);
  return {
    received,
    isAnswered: received !== undefined && textOf(received).includes("done: order-1"),
    effects: count(server, "sideEffect", "sideEffect"),
    isNextOk: next !== undefined && textOf(next).includes("hello again"),
  };
}

function cell({ received, isAnswered, effects, isNextOk }: Outcome): string {
  const what = isAnswered ? "answered" : received === undefined ? "the run rejects" : "error";
  const repeated = effects > 1 ? `**${effects} effects**` : `${effects} effect${effects === 1 ? "" : "s"}`;
  return `${what}, ${repeated}${isNextOk ? "" : ", **next call fails**"}`;
}

const own = [
  ...loops.map((loop) => ({ loop, retries: undefined, name: `${loop.name}, own` })),
  ...loops.slice(0, 1).map((loop) => ({ loop, retries: 2, name: `${loop.name}, own, maxRetries 2` })),
];

/** What becomes of the call with the framework's own client. */
async function ownCell(fault: (server: ChaosServer) => void, { loop, retries }: (typeof own)[number]): Promise<string> {
  const server = await chaos();
  const client = await loop.own(server.url, retries);
  const outcome = await strike(server, fault, client.run, (tool) => tool);
  await client.close().catch(() => {});
  return cell(outcome);
}

/** What becomes of it over Minion, checked. */
async function minionCell(name: string, fault: (server: ChaosServer) => void, loop: Loop): Promise<string> {
  const server = await chaos();
  const client = minion({ chaos: { url: server.url } });
  const outcome = await strike(
    server,
    fault,
    (use) => loop.run(client, use),
    (tool) => `mcp_chaos_${tool}`,
  );
  const told = outcome.received === undefined ? "the run rejects" : textOf(outcome.received);
  const where = `${loop.name}, ${name}: ${told}`;
  expect(outcome, where).toMatchObject({ effects: 1, isNextOk: true });
  if (!name.endsWith("after the effect")) {
    expect(outcome.isAnswered, where).toBe(true);
    return cell(outcome);
  }
  expect(told, where).toMatch(/was sent and its answer lost, so it may have run/);
  expect(told, where).not.toMatch(/try again|fix your mistakes/i);
  expect(outcome.received?.isError, where).toBe(loop.name !== "OpenAI Agents");
  return cell(outcome).replace("error", "OutcomeUnknownError");
}

test("A10, A4: whatever strikes, Minion answers or says that the outcome is unknown, with one effect, in every framework", async () => {
  const rows = await Promise.all(
    Object.entries(faults).map(async ([name, fault]) => {
      const cells = await Promise.all(own.map((client) => ownCell(fault, client)));
      const overMinion = new Set(await Promise.all(loops.map((loop) => minionCell(name, fault, loop))));
      expect([...overMinion]).toHaveLength(1);
      return [name, ...cells, ...overMinion];
    }),
  );
  await expectInReadme("faults", table(["fault", ...own.map(({ name }) => name), "any over Minion"], rows));
});
