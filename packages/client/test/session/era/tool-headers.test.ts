import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodedHeader, ToolHeaders } from "../../../src/session/era/tool-headers.js";
import { anyCharacter } from "../../any-character.js";

/** What is known after a page with one tool of that input schema. */
function afterListing(inputSchema: unknown) {
  const malformed: string[] = [];
  const headers = new ToolHeaders((tool) => void malformed.push(tool));
  const page = { tools: [{ name: "one", inputSchema }], nextCursor: "next" };
  return { headers, malformed, page, noted: headers.note(page) };
}

const marked = { type: "string", "x-mcp-header": "Region" };

describe("the parameters of a tool that go into headers", () => {
  test("M19: are those that its properties mark, however deep, and what has no value has no header", () => {
    const inner = { type: "object", properties: { count: { type: "integer", "x-mcp-header": "Count" } } };
    const { headers, malformed, page, noted } = afterListing({
      type: "object",
      properties: { region: marked, inner, sure: { type: "boolean", "x-mcp-header": "Sure" } },
    });
    expect(malformed).toEqual([]);
    expect(noted).toBe(page);
    expect(headers.headersFor("one", { region: "eu", inner: { count: 3 }, sure: false })).toEqual({
      "mcp-param-region": "eu",
      "mcp-param-count": "3",
      "mcp-param-sure": "false",
    });
    expect(headers.headersFor("one", { region: null, inner: [] })).toEqual({});
    expect(headers.headersFor("one", undefined)).toEqual({});
    // What is not the arguments' own is no value of theirs.
    expect(headers.headersFor("one", Object.create({ region: "inherited" }))).toEqual({});
    expect(headers.headersFor("another", { region: "eu" })).toEqual({});
    expect(headers.headersFor(7, { region: "eu" })).toEqual({});
  });

  test.each([
    ["in a list", { prefixItems: [marked] }],
    ["in the items of a list", { properties: { all: { type: "array", items: marked } } }],
    ["under a condition", { if: { properties: { region: marked } } }],
    ["in one of several schemas", { anyOf: [{ properties: { region: marked } }] }],
    ["in a definition", { $defs: { region: marked } }],
    ["under a pattern", { patternProperties: { "^x": marked } }],
    ["at the root", marked],
    ["on an object", { properties: { region: { type: "object", "x-mcp-header": "Region" } } }],
    ["without a type", { properties: { region: { "x-mcp-header": "Region" } } }],
    ["with a name that no header can have", { properties: { region: { type: "string", "x-mcp-header": "a b" } } }],
    ["with a name that is not a string", { properties: { region: { type: "string", "x-mcp-header": 7 } } }],
    [
      "twice with one name, in whatever case",
      { properties: { region: marked, other: { type: "string", "x-mcp-header": "REGION" } } },
    ],
  ])("M19: a tool that marks one %s is left out and reported", (_, inputSchema) => {
    const { headers, malformed, noted } = afterListing(inputSchema);
    expect(malformed).toEqual(["one"]);
    expect(noted).toEqual({ tools: [], nextCursor: "next" });
    expect(headers.headersFor("one", { region: "eu" })).toEqual({});
  });

  test("M19: are forgotten when the tool is listed without them, and a page that is none changes nothing", () => {
    const { headers } = afterListing({ properties: { region: marked } });
    for (const page of [undefined, [], { tools: "none" }]) expect(headers.note(page)).toBe(page);
    const odd = { tools: ["text", { name: 7 }] };
    expect(headers.note(odd)).toBe(odd);
    expect(headers.headersFor("one", { region: "eu" })).toEqual({ "mcp-param-region": "eu" });
    headers.note({ tools: [{ name: "one", inputSchema: { type: "object" } }] });
    expect(headers.headersFor("one", { region: "eu" })).toEqual({});
  });
});

test("M19: any text goes into a header as printable characters, and comes out of it again", () => {
  const decoded = (header: string): string => {
    const encoded = /^=\?base64\?(.*)\?=$/.exec(header)?.[1];
    return encoded === undefined ? header : Buffer.from(encoded, "base64").toString("utf8");
  };
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: anyCharacter }),
    fc.constantFrom("", " ", "a ", "\u0000", "ä", "=?base64?YQ==?=", "a\tb", "\r\nx: y"),
  );
  fc.assert(
    fc.property(text, (value) => {
      const header = encodedHeader(value);
      expect(header).toMatch(/^[\t -~]*$/);
      expect(decoded(header)).toBe(Buffer.from(value, "utf8").toString("utf8"));
    }),
    { numRuns: 1_000 },
  );
});
