import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
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
  zstdBomb,
} from "./small-heap.js";

test.each([
  ["log messages", (n: number) => data({ method: "notifications/message", params: { level: "info", data: n } })],
  ["requests", (n: number) => data({ id: n, method: "roots/list" })],
  ["answers to nobody", (n: number) => data({ id: `x${n}`, result: {} })],
  ["progress of nobody", (n: number) => data({ method: "notifications/progress", params: { progressToken: n } })],
  ["events of ever new types", (n: number) => `event: type-${n}\ndata: {}\n\n`],
  ["ever new ids of events", (n: number) => `id: ${n}\ndata: {}\n\n`],
  ["nothing but ids", (n: number) => `id:${n}\n`],
  ["notifications of ever new methods", (n: number) => data({ method: `notifications/${n}`, params: { n } })],
  ["requests of ever new methods", (n: number) => data({ id: n, method: `ask/${n}` })],
  ["comments", (n: number) => `: ${n}\n\n`],
  ["messages that are lists", (n: number) => `data: [${"[],".repeat(50)}${n}]\n\n`],
])("M10: a flood of %s for two seconds", { timeout }, (_, event) => expectFloodHarmless(event, 2_000, 64));

test("M10: a flood of messages that are lists for a second, with half of the heap", { timeout }, () =>
  expectFloodHarmless((n) => `data: [${"[],".repeat(50)}${n}]\n\n`, 1_000, 32),
);

test.each([
  ["gzip", () => gzipSync(unpacked())],
  ["br", () => brotliCompressSync(unpacked())],
  ["deflate", () => deflateSync(unpacked())],
  ["zstd", () => zstdBomb(100 * megabyte)],
])("M7: a bomb behind content-encoding %s, on every kind of answer", { timeout }, (encoding, make) =>
  expectBombHarmless(encoding, make()),
);

test.each([
  ["the metadata of a result", "result", (text: string) => `{"content":[],"_meta":${text}}`],
  ["a result that is no result", "result", (text: string) => text],
  ["the data of an error", "error", (text: string) => `{"code":-32000,"message":"no","data":${text}}`],
])("M7: JSON 200,000 levels deep in %s", { timeout }, async (_, member, around) => {
  const { outcomes } = await attacked({
    post: answering("tools/call", () => around(deep(200_000)), member),
    work: [call, call],
  });
  expect(outcomes).toHaveLength(2);
});
