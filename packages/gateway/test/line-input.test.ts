import { once } from "node:events";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { idIn, LineInput } from "../src/line-input.js";

/** The lines that come out, the ids of those that were too long, and what the input waited for. */
async function linesOf(chunks: readonly Buffer[], maxBytes: number) {
  const refused: unknown[] = [];
  let ends = 0;
  const input = new LineInput({
    maxBytes,
    onTooLong: (beginning, end) => refused.push(idIn(beginning, end)),
    beforeEnd: async () => {
      ends += 1;
    },
  });
  const lines: string[] = [];
  Readable.from(chunks).pipe(input);
  input.on("data", (line) => lines.push(String(line)));
  await once(input, "end");
  return { lines, refused, ends };
}

const cut = (text: string, length: number): Buffer[] => {
  const bytes = Buffer.from(text);
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) =>
    bytes.subarray(at * length, (at + 1) * length),
  );
};

test("G19: lines come out whole, wherever they are cut, the last one without an end too", async () => {
  for (const length of [1, 2, 3, 7, 100]) {
    const { lines, ends } = await linesOf(cut('{"a":"é"}\n\n{"b":1}\r\n{"c":2}', length), 100);
    expect([length, lines.join("|"), ends]).toEqual([length, '{"a":"é"}\n|\n|{"b":1}\r\n|{"c":2}\n', 1]);
  }
});

test("G19: a byte order mark is no part of a line, and a batch comes out message by message", async () => {
  for (const length of [1, 2, 100]) {
    const { lines } = await linesOf(cut('\ufeff{"a":1}\n[{"id":1},{"id":"é"}]\n[]\n[{"id":\n{"b":1}', length), 100);
    expect([length, lines]).toEqual([length, ['{"a":1}\n', '{"id":1}\n', '{"id":"é"}\n', '[{"id":\n', '{"b":1}\n']]);
  }
});

test("G18: a line that is too long is given to nobody, told with its id, and harms no other", async () => {
  const long = "x".repeat(50_000);
  const messages = [
    `{"jsonrpc":"2.0","id":1,"method":"m","params":{"id":9,"x":"${long}"}}`,
    `{"method":"m","params":{"id":9,"x":"${long}"},"jsonrpc":"2.0","id":"two"}`,
    `{"method":"m","params":{"x":"${long}","id":9}}`,
    `{"params":{"a":{"id":9,"x":"${long}"}}}`,
  ];
  for (const length of [10, 333, 1_000_000]) {
    const { lines, refused } = await linesOf(cut(`ok\n${messages.join("\nok\n")}\nok\n`, length), 10_000);
    expect([length, lines.length, refused]).toEqual([length, 5, [1, "two", null, null]]);
  }
});

test("G18: a line of 64 MB in small chunks costs linear time", async () => {
  const chunk = Buffer.alloc(4_096, "x");
  const begin = process.cpuUsage();
  const { lines } = await linesOf([...Array.from({ length: 16_384 }, () => chunk), Buffer.from("\n")], 100_000_000);
  expect(lines[0]).toHaveLength(16_384 * 4_096 + 1);
  // Quadratic would be minutes.
  expect(process.cpuUsage(begin).user / 1_000).toBeLessThan(10_000);
});
