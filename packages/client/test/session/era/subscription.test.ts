import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ResourceWatch } from "../../../src/session/era/resource-watch.js";
import { acknowledged, Subscription, type SubscriptionFilter } from "../../../src/session/era/subscription.js";
import type { Exchange } from "../../../src/session/exchange.js";
import { Failure } from "../../../src/session/failure.js";
import { rpcRefusal } from "./parts.js";

const subscriptionId = "io.modelcontextprotocol/subscriptionId";

interface Sent {
  readonly id: number;
  readonly filter: SubscriptionFilter;
  readonly exchange: Exchange;
  isCancelled: boolean;
}

/** A connection on which subscriptions are asked for. */
function connection() {
  const sent: Sent[] = [];
  const told: string[] = [];
  const send = (filter: SubscriptionFilter, exchange: Exchange) => {
    const one: Sent = { id: sent.length + 1, filter, exchange, isCancelled: false };
    sent.push(one);
    return {
      id: one.id,
      cancel: () => {
        one.isCancelled = true;
      },
    };
  };
  const options = { send, onLost: () => void told.push("lost"), onGap: () => void told.push("gap") };
  return { sent, told, options };
}

function acknowledgement(id: number | undefined): Record<string, unknown> {
  return id === undefined ? {} : { _meta: { [subscriptionId]: id } };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a subscription", () => {
  test("M8: that is acknowledged at once has missed nothing; after an end changes may have been missed, and it is asked for again", async () => {
    const { sent, told, options } = connection();
    const subscription = new Subscription({ ...options, filter: { toolsListChanged: true } });
    const begun = subscription.begin();
    expect(subscription.takes(acknowledged, acknowledgement(1))).toBe(true);
    expect(await begun).toBeUndefined();
    expect(told).toEqual([]);
    sent[0]?.exchange.resolve({});
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual(["lost"]);
    expect(sent).toHaveLength(2);
    // Of the new one; a server may leave out which.
    expect(subscription.takes(acknowledged, acknowledgement(1))).toBe(false);
    expect(subscription.takes(acknowledged, acknowledgement(undefined))).toBe(true);
    expect(told).toEqual(["lost", "gap"]);
    subscription.close();
  });

  test("M8: that is acknowledged late is not waited for, and what came before it may have been missed", async () => {
    const { told, options } = connection();
    const subscription = new Subscription({ ...options, filter: { toolsListChanged: true } });
    const begun = subscription.begin();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await begun).toBeUndefined();
    expect(told).toEqual([]);
    subscription.takes(acknowledged, acknowledgement(1));
    expect(told).toEqual(["gap"]);
    subscription.close();
  });

  test.each([
    ["does not know the method", rpcRefusal(-32601)],
    ["has no such address", new Failure("http", "refused", { delivery: "not-sent", status: 404 })],
    ["has no such method there", new Failure("http", "refused", { delivery: "not-sent", status: 405 })],
    ["has not implemented it", new Failure("http", "refused", { delivery: "not-sent", status: 501 })],
    ["forgot what it is spoken to as", new Failure("session-lost", "lost", { delivery: "not-sent" })],
  ])("M19: is not asked for again of a server that %s", async (_, failure) => {
    const { sent, options } = connection();
    const subscription = new Subscription({ ...options, filter: { toolsListChanged: true } });
    const begun = subscription.begin();
    sent[0]?.exchange.reject(failure);
    expect(await begun).toBe(failure);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(sent).toHaveLength(1);
    subscription.close();
  });

  test("M19: that is refused for now is asked for again, less and less often, but once a minute at least", async () => {
    const { sent, options } = connection();
    const subscription = new Subscription({ ...options, filter: { toolsListChanged: true } });
    const refused = new Failure("http", "refused", { delivery: "not-sent", status: 503 });
    const begun = subscription.begin();
    const at: number[] = [];
    const start = Date.now();
    for (let seconds = 0; seconds < 600; seconds += 1) {
      const last = sent.at(-1);
      if (last !== undefined && !last.exchange.isOver) {
        at.push(Date.now() - start);
        last.exchange.reject(refused);
      }
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(await begun).toBe(refused);
    const pauses = at.slice(1).map((when, index) => when - (at[index] ?? 0));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(61_000);
    expect(at.length).toBeLessThan(40);
    expect(at.length).toBeGreaterThan(10);
    subscription.close();
  });

  test("M19: of which the server tells the end by a notification is given up, and no other is", async () => {
    const { sent, options } = connection();
    const subscription = new Subscription({ ...options, filter: { toolsListChanged: true } });
    void subscription.begin();
    expect(subscription.takes("notifications/cancelled", { requestId: 7 })).toBe(false);
    expect(subscription.takes("notifications/cancelled", undefined)).toBe(false);
    expect(subscription.takes("notifications/message", { requestId: 1 })).toBe(false);
    expect(sent[0]?.isCancelled).toBe(false);
    expect(subscription.takes("notifications/cancelled", { requestId: 1 })).toBe(true);
    expect(sent[0]?.isCancelled).toBe(true);
    subscription.close();
    await vi.advanceTimersByTimeAsync(3_600_000);
    // Closed: it is asked for no more.
    expect(sent).toHaveLength(1);
  });
});

describe("the resources that are watched", () => {
  /** Acknowledges what was asked for last. */
  async function acknowledge(watch: ResourceWatch, sent: readonly Sent[]): Promise<void> {
    await vi.advanceTimersByTimeAsync(0);
    expect(watch.takes(acknowledged, acknowledgement(sent.at(-1)?.id))).toBe(true);
  }

  test("M21: have one subscription, and a further one is asked for before the one in force is given up", async () => {
    const { sent, options } = connection();
    const watch = new ResourceWatch(options, () => {});
    const first = watch.add("a:1");
    await acknowledge(watch, sent);
    expect(await first).toBeUndefined();
    // The same one again costs nothing.
    expect(await watch.add("a:1")).toBeUndefined();
    expect(sent).toHaveLength(1);
    const second = watch.add("a:2");
    await vi.advanceTimersByTimeAsync(0);
    expect(sent.map(({ isCancelled }) => isCancelled)).toEqual([false, false]);
    await acknowledge(watch, sent);
    await second;
    expect(sent.map(({ isCancelled }) => isCancelled)).toEqual([true, false]);
    expect(sent[1]?.filter).toEqual({ resourceSubscriptions: ["a:1", "a:2"] });
    watch.close();
    expect(sent[1]?.isCancelled).toBe(true);
  });

  test("M21: keep what they had where the server refuses a further one", async () => {
    const { sent, options } = connection();
    const watch = new ResourceWatch(options, () => {});
    const first = watch.add("a:1");
    await acknowledge(watch, sent);
    await first;
    const refused = watch.add("secret:1");
    await vi.advanceTimersByTimeAsync(0);
    const failure = rpcRefusal(-32602);
    sent[1]?.exchange.reject(failure);
    expect(await refused).toBe(failure);
    expect(sent[0]?.isCancelled).toBe(false);
    const third = watch.add("a:3");
    await acknowledge(watch, sent);
    await third;
    expect(sent[2]?.filter).toEqual({ resourceSubscriptions: ["a:1", "a:3"] });
    watch.close();
  });

  test("M21: end their subscription with the last of them", async () => {
    const { sent, options } = connection();
    const watch = new ResourceWatch(options, () => {});
    const first = watch.add("a:1");
    await acknowledge(watch, sent);
    await first;
    expect(await watch.remove("never:added")).toBeUndefined();
    expect(sent[0]?.isCancelled).toBe(false);
    expect(await watch.remove("a:1")).toBeUndefined();
    expect(sent.map(({ isCancelled }) => isCancelled)).toEqual([true]);
  });

  test("M21: tell of each of them after a gap", async () => {
    const { sent, options } = connection();
    const gaps: (readonly string[])[] = [];
    const watch = new ResourceWatch(options, (uris) => void gaps.push(uris));
    const first = watch.add("a:1");
    await acknowledge(watch, sent);
    await first;
    sent[0]?.exchange.resolve({});
    await vi.advanceTimersByTimeAsync(1_000);
    await acknowledge(watch, sent);
    expect(gaps).toEqual([["a:1"]]);
    watch.close();
  });
});
