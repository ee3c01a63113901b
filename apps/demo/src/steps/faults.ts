import { readJournal } from "@minion/chaos";
import type { Playground } from "../servers.js";
import { duration, patienceMs, type Stage, type Step, timed } from "../step.js";

const callers = 8;

/** A restarted HTTP server knows no session any more: one new one is opened for all, and every call goes through. */
export const lostSession: Step = {
  id: "lost-session",
  title: "The server forgets its sessions",
  async run({ client, playground }) {
    await client.callTool("chaos-http", "echo", { text: "before" });
    const initializes = (): number => playground.chaos.journal().filter((entry) => entry.event === "initialize").length;
    const before = initializes();
    await playground.chaos.control?.({ action: "forgetSessions" });
    const { ms, value } = await timed(() =>
      Promise.allSettled(
        Array.from({ length: callers }, () => client.callTool("chaos-http", "echo", { text: "after" })),
      ),
    );
    const succeeded = value.filter(({ status }) => status === "fulfilled").length;
    const opened = initializes() - before;
    return {
      ok: succeeded === callers && opened === 1,
      says: `${succeeded} of ${callers} calls went through in ${duration(ms)}, over ${opened} new session`,
      figures: { callers, succeeded, opened, ms },
    };
  },
};

/** A process dies in the middle of a side effect: the effect is never run a second time, and the next call works. */
export const crash = {
  id: "crash",
  title: "The process dies in the middle of a side effect",
  async run({ client, playground }: Pick<Stage, "client"> & { readonly playground: Pick<Playground, "journal"> }) {
    const key = "pay-once";
    const code = await client.callTool("chaos-stdio", "crash", { when: "after", key }).then(
      () => "no error",
      (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : "an error without a code"),
    );
    const next = await timed(() => client.callTool("chaos-stdio", "add", { a: 2, b: 3 }));
    const ran = readJournal(playground.journal).filter(
      (entry) => entry.event === "sideEffect" && entry.key === key,
    ).length;
    return {
      ok: code === "ERR_MCP_OUTCOME_UNKNOWN" && ran === 1 && next.value.isError !== true,
      says: `the effect ran ${ran} time, the caller was told ${code}, the next call had a new process in ${duration(next.ms)}`,
      figures: { ran, code, nextMs: next.ms },
    };
  },
} satisfies Step;

/** The server announces a change: the old list is not served again. */
export const changedList: Step = {
  id: "changed-list",
  title: "The server changes its tools",
  async run({ client, playground }) {
    const before = await client.listTools("chaos-http");
    const refreshed = new Promise<void>((resolve) => {
      const unsubscribe = client.subscribe((event) => {
        if (event.type === "listRefreshed" && event.server === "chaos-http") {
          unsubscribe();
          resolve();
        }
      });
    });
    const { ms, value: after } = await timed(async () => {
      await playground.chaos.control?.({ set: { tools: 5 } });
      await playground.chaos.control?.({ action: "listChanged", count: 200 });
      const end = performance.now() + patienceMs;
      for (;;) {
        const tools = await client.listTools("chaos-http");
        if (tools.length !== before.length || performance.now() > end) return tools;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });
    if (after.length !== before.length) await refreshed;
    await playground.chaos.control?.({ reset: true });
    await playground.chaos.control?.({ action: "listChanged", count: 1 });
    return {
      ok: after.length === before.length + 5,
      says: `${before.length} tools, 200 notifications of a change, ${after.length} tools ${duration(ms)} later`,
      figures: { before: before.length, after: after.length, ms },
    };
  },
};
