import { expect, test } from "vitest";
import { exampleOf } from "../web/example-of.js";

test("arguments to begin with are what a schema requires, with its own defaults, choices and examples", () => {
  const schema = {
    type: "object",
    required: ["text", "count", "mode", "nested", "list", "any", "constructor"],
    properties: {
      text: { type: "string" },
      count: { type: ["integer", "null"], minimum: 3 },
      mode: { enum: ["fast", "slow"] },
      nested: { type: "object", properties: { on: { default: true }, off: { type: "boolean" } }, required: ["on"] },
      list: { type: "array" },
      any: {},
      optional: { type: "string" },
    },
  };
  const example = { text: "", count: 3, mode: "fast", nested: { on: true }, list: [], any: null };
  expect(exampleOf(schema)).toEqual(example);
});

test("a schema that says nothing, or nonsense, gives an empty object or a plain value, and never fails", () => {
  for (const schema of [{}, { type: "object" }, { type: "object", properties: [], required: 7 }])
    expect(exampleOf(schema)).toEqual({});
  for (const schema of [null, undefined, 3, "x", true]) expect(exampleOf(schema)).toBeNull();
  const endless: Record<string, unknown> = { type: "object", required: ["again"] };
  endless.properties = { again: endless };
  expect(JSON.stringify(exampleOf(endless)).length).toBeLessThan(200);
});
