import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { type VariableSources, Variables } from "../../src/config/variables.js";

const none = new Map<string, string>();

function variables(sources: Partial<VariableSources> = {}): Variables {
  return new Variables({
    workspaceFolder: "/work",
    variables: {},
    inputs: [],
    input: undefined,
    hasBareNames: false,
    ...sources,
  });
}

const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/);
const plain = fc.string().filter((text) => !text.includes("$"));

test("M20: a text without a variable is itself, whatever else it holds", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), async (text) => {
      fc.pre(!text.includes(`\${`));
      expect(await variables().expand(text, none)).toEqual({ text, missing: [] });
    }),
  );
});

test("M20: what is found is put in once and not expanded again; what is not found stays and is told", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(plain, name)), fc.dictionary(name, fc.string()), async (parts, known) => {
      const reference = (key: string): string => `\${x.${key}}`;
      const given = Object.fromEntries(Object.entries(known).map(([key, value]) => [`x.${key}`, value]));
      const text = parts.map(([before, key]) => before + reference(key)).join("");
      const expected = parts.map(([before, key]) => before + (given[`x.${key}`] ?? reference(key))).join("");
      const missing = parts.filter(([, key]) => !Object.hasOwn(known, key)).map(([, key]) => `x.${key}`);
      expect(await variables({ variables: given }).expand(text, none)).toEqual({ text: expected, missing });
    }),
  );
});

test("M20: the entry's own env comes first, then options.variables, then the process; an env that names itself takes the next", async () => {
  vi.stubEnv("MINION_A", "process");
  onTestFinished(() => void vi.unstubAllEnvs());
  const all = variables({ variables: { MINION_A: "options" } });
  const env = new Map([
    ["MINION_A", "entry"],
    ["SELF", `\${SELF:-next}`],
    ["ONE", `\${TWO}`],
    ["TWO", `\${ONE}`],
  ]);
  expect((await all.expand(`\${MINION_A}`, env)).text).toBe("entry");
  expect((await all.expand(`\${MINION_A}`, none)).text).toBe("options");
  expect((await variables().expand(`\${MINION_A} \${env:MINION_A}`, none)).text).toBe("process process");
  expect((await all.expand(`\${MINION_A}`, env, new Set(["MINION_A"]))).text).toBe("options");
  expect((await all.expand(`\${SELF}`, env)).text).toBe("next");
  expect(await all.expand(`\${ONE}`, env)).toEqual({ text: `\${ONE}`, missing: ["ONE"] });
});

test(`M20: $\${ is a literal \${, and $NAME is a variable in Gemini's files alone`, async () => {
  vi.stubEnv("MINION_A", "a");
  onTestFinished(() => void vi.unstubAllEnvs());
  const text = `$\${MINION_A} $MINION_A \${MINION_A}`;
  expect((await variables().expand(text, none)).text).toBe(`\${MINION_A} $MINION_A a`);
  expect((await variables({ hasBareNames: true }).expand(text, none)).text).toBe(`\${MINION_A} a a`);
});

test("M20: a default may hold variables, and ends with its own brace", async () => {
  const all = variables({ variables: { SET: "set" } });
  for (const [text, expected, missing] of [
    [`\${SET:-\${NO_A}}`, "set", []],
    [`\${NO_A:-\${SET}}`, "set", []],
    [`a\${NO_A:-b\${NO_B:-\${SET}c}d}e`, "absetcde", []],
    [`\${NO_A:-\${NO_B}}`, `\${NO_B}`, ["NO_B"]],
    [`\${NO_A:-$\${SET}}`, `\${SET}`, []],
    [`\${ \${SET}`, `\${ set`, []],
  ] as const)
    expect(await all.expand(text, none), text).toEqual({ text: expected, missing });
  // Some times as deep as a stack.
  const deep = `\${NO_A:-`.repeat(30_000) + "}".repeat(30_000);
  await expect(all.expand(deep, none)).rejects.toMatchObject({ code: "ERR_MCP_CONFIG" });
});

test("M20: what every object inherits is no variable of the environment", async () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    expect(await variables().expand(`\${${name}}`, none)).toEqual({ text: `\${${name}}`, missing: [name] });
    expect((await variables().expand(`\${${name}:-default}`, none)).text).toBe("default");
  }
});

test("M20: an input is asked for once, and what it does wrong is told", async () => {
  const input = vi.fn(async () => "typed");
  const asked = variables({ input, inputs: [{ id: "key", description: "A key" }] });
  expect((await asked.expand(`\${input:key} \${input:key}`, none)).text).toBe("typed typed");
  expect(input.mock.calls).toEqual([["key", "A key"]]);
  const failing = variables({ input: () => Promise.reject(new Error("no terminal")) });
  await expect(failing.expand(`\${input:key}`, none)).rejects.toMatchObject({
    code: "ERR_MCP_CONFIG",
    problem: expect.stringContaining("no terminal"),
  });
  const wrong = variables({ input: () => JSON.parse("7") });
  await expect(wrong.expand(`\${input:key}`, none)).rejects.toMatchObject({ code: "ERR_MCP_CONFIG" });
});

test.each([
  ["without an end", "${".repeat(300_000)],
  ["with one end for all", `${"${".repeat(300_000)}}`],
  ["of names", "$A".repeat(300_000)],
  ["that are doubled", "$${".repeat(300_000)],
])("M20: a text of 300,000 beginnings of variables %s costs linear time", async (_, text) => {
  const begin = process.cpuUsage();
  const { text: expanded } = await variables({ hasBareNames: true, variables: { A: "$A" } }).expand(text, none);
  expect(expanded.length).toBeGreaterThan(0);
  // Quadratic would be minutes.
  expect(process.cpuUsage(begin).user / 1_000).toBeLessThan(5_000);
});
