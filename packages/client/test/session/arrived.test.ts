import fc from "fast-check";
import { expect, test } from "vitest";
import { arrived } from "../../src/session/arrived.js";

test.each([
  [{ method: "x", params: null }, { method: "x" }],
  [{ method: "x", params: [] }, { method: "x" }],
  [{ id: null, method: "x" }, { method: "x" }],
  [
    { id: 1, result: null },
    { id: 1, result: {} },
  ],
  [
    { id: 1, result: { ok: true }, error: null },
    { id: 1, result: { ok: true } },
  ],
  [
    { id: 1, result: null, error: { code: 1, message: "x" } },
    { id: 1, error: { code: 1, message: "x" } },
  ],
  [
    { id: null, error: { code: 1, message: "x" } },
    { id: null, error: { code: 1, message: "x" } },
  ],
  [
    { method: "notifications/progress", params: { progressToken: 1, progress: 1, total: null, message: null } },
    { method: "notifications/progress", params: { progressToken: 1, progress: 1 } },
  ],
  [
    {
      id: 1,
      result: { content: [{ type: "text", text: "a", annotations: null, _meta: null }], isError: null, _meta: null },
    },
    { id: 1, result: { content: [{ type: "text", text: "a" }] } },
  ],
  [
    {
      id: 1,
      result: {
        tools: [{ name: "a", title: null, outputSchema: null, annotations: { readOnlyHint: null } }],
        nextCursor: null,
      },
    },
    { id: 1, result: { tools: [{ name: "a", annotations: {} }] } },
  ],
  [
    {
      id: 1,
      result: {
        capabilities: { tools: { listChanged: true } },
        serverInfo: { name: "s", version: null },
        instructions: null,
      },
    },
    { id: 1, result: { capabilities: { tools: { listChanged: true } }, serverInfo: { name: "s" } } },
  ],
  [
    { id: 1, result: { completion: { values: ["a"], total: null, hasMore: null } } },
    { id: 1, result: { completion: { values: ["a"] } } },
  ],
  [
    { id: 1, result: { tools: [{ name: "a", inputSchema: {}, annotations: [], outputSchema: [], execution: [] }] } },
    { id: 1, result: { tools: [{ name: "a", inputSchema: {} }] } },
  ],
])("M7: null, or an empty list for an object, for a member that may be left out is none: %j", (message, expected) => {
  expect(arrived(message)).toEqual(expected);
});

test.each([
  { method: "notifications/message", params: { level: "info", data: null } },
  { id: 1, result: { structuredContent: { a: null }, content: [] } },
  { id: 1, result: { structuredContent: [], content: [] } },
  { id: 1, result: { tools: [{ name: "a", inputSchema: { properties: { a: { default: null, title: null } } } }] } },
  { id: 1, result: { content: [], _meta: { "com.example/x": null } } },
  { id: 1, method: "elicitation/create", params: { requestedSchema: { default: null } } },
])("M7: null that means something stays: %j", (message) => {
  expect(arrived(message)).toBe(message);
});

test("M7: a message without null is handed on as it is, and none is ever changed in place", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom("id", "method", "params", "result", "error", "x"), fc.jsonValue()),
      (message) => {
        const before = JSON.stringify(message);
        const after = arrived(message);
        expect(JSON.stringify(message)).toBe(before);
        if (!before.includes("null") && !Array.isArray(message.params)) expect(after).toBe(message);
        expect(arrived(after)).toEqual(after);
      },
    ),
  );
});
