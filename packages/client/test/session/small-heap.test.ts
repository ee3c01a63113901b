import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import {
  answering,
  attacked,
  call,
  data,
  deep,
  expectBombHarmless,
  expectFloodHarmless,
  megabyte,
  timeout,
  unpacked,
} from "./small-heap.js";

test("M7: pages without end", { timeout }, async () => {
  let page = 0;
  const tools = (): string => {
    page += 1;
    const list = Array.from({ length: 100 }, (_, i) => ({
      name: `t${page}_${i}`,
      description: "d".repeat(1_000),
      inputSchema: { type: "object" },
    }));
    return JSON.stringify({ tools: list, nextCursor: `c${page}` });
  };
  const { outcomes } = await attacked({
    post: answering("tools/list", tools),
    work: [["listTools", { timeoutMs: 60_000 }]],
  });
  expect(outcomes[0]).toMatchObject({ ok: false, code: "ERR_MCP_MESSAGE_TOO_LARGE" });
  expect(page).toBeLessThan(45);
});

test("M7: empty pages without end", { timeout }, async () => {
  let page = 0;
  const { outcomes } = await attacked({
    post: answering("tools/list", () => {
      page += 1;
      return JSON.stringify({ tools: [], nextCursor: `c${page}` });
    }),
    work: [["listTools", { timeoutMs: 60_000 }]],
  });
  expect(outcomes[0]).toMatchObject({ ok: false, code: "ERR_MCP_MESSAGE_TOO_LARGE" });
  expect(page).toBeLessThanOrEqual(1_001);
});

// The long tests have what else of a message may be so deep.
test("M7: JSON 200,000 levels deep in a result", { timeout }, async () => {
  const { outcomes } = await attacked({
    post: answering("tools/call", () => `{"content":[],"structuredContent":${deep(200_000)}}`),
    work: [call, call],
  });
  expect(outcomes).toHaveLength(2);
});

test("M7, M17: JSON 200,000 levels deep in a list, its schemas and their content", { timeout }, async () => {
  const listing = answering("tools/list", () => {
    const tool = `{"name":"t","inputSchema":{"type":"object"},"outputSchema":{"properties":{"x":${'{"not":'.repeat(200_000)}{}${"}".repeat(200_000)}}}}`;
    return `{"tools":[${tool},{"name":"u","inputSchema":{"type":"object"},"_meta":${deep(200_000)}}]}`;
  });
  const calling = answering("tools/call", () => `{"content":[],"structuredContent":${deep(1_000)}}`);
  const { outcomes } = await attacked({
    post: (exchange) => listing(exchange) || calling(exchange),
    work: [["listTools", { timeoutMs: 60_000 }], call],
  });
  expect(outcomes[1]).toMatchObject({ ok: true });
});

test("M7: the message of an error of 41 MB, where so much is allowed and where it is not", { timeout }, async () => {
  const post = answering(
    "tools/call",
    () => `{"code":-32000,"message":"${"long ".repeat((41 * megabyte) / 5)}"}`,
    "error",
  );
  const refused = await attacked({ post, work: [call] });
  expect(refused.outcomes[0]).toMatchObject({ ok: false, code: "ERR_MCP_MESSAGE_TOO_LARGE" });
  const read = await attacked({ post, work: [call], heapMB: 200, policy: { maxMessageBytes: 64 * megabyte } });
  expect(read.outcomes[0]).toMatchObject({ ok: false, code: -32_000 });
  expect(read.grownMB).toBeLessThan(256);
});

// Messages that are answered; the long tests have every kind.
test("M10: a flood of requests for a second", { timeout }, () =>
  expectFloodHarmless((n) => data({ id: n, method: "roots/list" }), 1_000, 32),
);

test.each([["gzip, gzip", () => gzipSync(gzipSync(unpacked()))]])(
  "M7: a bomb behind content-encoding %s, on every kind of answer",
  { timeout },
  (encoding, make) => expectBombHarmless(encoding, make()),
);
