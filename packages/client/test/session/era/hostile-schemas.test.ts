import { expect, test } from "vitest";
import { headerParameters, parameterHeaders } from "../../../src/session/era/tool-headers.js";

/** The processor time of the shortest of some runs, so that the load of the machine does not count. */
function cheapest(run: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round++) {
    const begin = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(begin);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}

const nested = (levels: number, inside: string): unknown =>
  JSON.parse(`${'{"properties":{"a":'.repeat(levels)}${inside}${"}}".repeat(levels)}`);
const marked = '{"type":"string","x-mcp-header":"Deep"}';

test.each([
  ["200,000 schemas in allOf", () => ({ allOf: Array.from({ length: 200_000 }, () => ({})) })],
  [
    "200,000 properties",
    () => JSON.parse(`{"properties":{${Array.from({ length: 60_000 }, (_, i) => `"p${i}":{}`)}}}`),
  ],
  ["50,000 levels of properties", () => nested(50_000, "{}")],
  ["50,000 levels of not", () => JSON.parse(`${'{"not":'.repeat(50_000)}{}${"}".repeat(50_000)}`)],
  ["100,000 levels of lists", () => JSON.parse(`{"allOf":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)],
])("M17: looking for header parameters in a hostile inputSchema holds nobody up: %s", (_, make) => {
  const schema = make();
  expect(headerParameters(schema)).toEqual([]);
  // 50 ms on the machine of the bench; ten times that where tests share a slower one.
  expect(cheapest(() => headerParameters(schema))).toBeLessThan(500);
});

test("M17: a header parameter that lies absurdly deep is refused, one that does not is found", () => {
  expect(headerParameters(nested(5_000, marked))).toContain("does not belong to a property");
  expect(headerParameters(nested(100, marked))).toMatchObject([{ header: "mcp-param-deep" }]);
  const many = (levels: number): string =>
    levels === 0 ? "{}" : `{"properties":{"a":${many(levels - 1)},"b":{"type":"string","x-mcp-header":"H${levels}"}}}`;
  expect(headerParameters(JSON.parse(many(90)))).toHaveLength(90);
});

test("M17: names of properties that objects have by nature are names like any other", () => {
  const schema = JSON.parse(
    '{"properties":{"__proto__":{"type":"string","x-mcp-header":"Proto"},"constructor":{"type":"string","x-mcp-header":"Ctor"}}}',
  );
  const parameters = headerParameters(schema);
  expect(typeof parameters === "string" ? parameters : parameterHeaders(parameters, {})).toEqual({});
  const args = JSON.parse('{"__proto__":"a","constructor":"b"}');
  expect(typeof parameters === "string" ? parameters : parameterHeaders(parameters, args)).toEqual({
    "mcp-param-proto": "a",
    "mcp-param-ctor": "b",
  });
});

test.each([["a\r\nX-Evil: 1"], ["a\u0000"], ["=?base64?eA==?="], [" a"], ["é"], ["\ud800"], [""]])(
  "M17: a value cannot leave its header: %j",
  (value) => {
    const headers = parameterHeaders([{ header: "mcp-param-a", path: ["a"] }], { a: value });
    expect(headers["mcp-param-a"]).toMatch(/^=\?base64\?[A-Za-z0-9+/]*=*\?=$/);
  },
);
