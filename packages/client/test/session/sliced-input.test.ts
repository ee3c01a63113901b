import { PassThrough } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { SlicedInput } from "../../src/session/stdio/line-input.js";
import { until } from "./support.js";

test("M10: what a server says is taken in slices, in order, with turns of the event loop between", async () => {
  const source = new PassThrough();
  let turn = 0;
  const turns: number[] = [];
  const seen: Buffer[] = [];
  const input: SlicedInput = new SlicedInput(source, {
    take: (piece) => {
      seen.push(piece);
      turns.push(turn);
      for (let i = 0; i < 20; i++) input.countMessage(false);
    },
    mayGoOn: () => true,
  });
  const bytes = Buffer.from(Array.from({ length: 50_000 }, (_, index) => index % 251));
  source.write(bytes);
  while (seen.reduce((sum, piece) => sum + piece.length, 0) < bytes.length) {
    await setImmediate();
    turn += 1;
  }
  expect(Buffer.concat(seen).equals(bytes)).toBe(true);
  const most = Math.max(...turns.map((one) => turns.filter((other) => other === one).length));
  expect(most).toBeLessThanOrEqual(8);
});

test("M10: while answers wait nothing is taken, and the stream is held; afterwards it goes on", async () => {
  const source = new PassThrough({ highWaterMark: 1_024 });
  let isOpen = false;
  let bytes = 0;
  const input = new SlicedInput(source, { take: (piece) => (bytes += piece.length), mayGoOn: () => isOpen });
  source.write(Buffer.alloc(5_000));
  for (let turn = 0; turn < 10; turn++) await setImmediate();
  expect(bytes).toBe(0);
  expect(source.write(Buffer.alloc(5_000))).toBe(false);
  isOpen = true;
  await until(() => bytes === 10_000, "it is taken");
  isOpen = false;
  source.write(Buffer.alloc(500));
  await setImmediate();
  input.finish();
  expect(bytes).toBe(10_500);
});
