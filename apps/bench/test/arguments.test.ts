import { describe, expect, test } from "vitest";
import { groups, help, parseArguments } from "../src/arguments.js";

function options(...argv: string[]) {
  const parsed = parseArguments(argv);
  if (parsed.kind !== "run") throw new Error(`expected a run, got ${JSON.stringify(parsed)}`);
  return parsed.options;
}

function message(...argv: string[]): string {
  const parsed = parseArguments(argv);
  if (parsed.kind !== "error") throw new Error(`expected an error, got ${JSON.stringify(parsed)}`);
  return parsed.message;
}

describe("arguments", () => {
  test("without any, everything is measured in full and nothing is written", () => {
    expect(options()).toEqual({ only: groups, quick: false, json: false, check: false, write: false });
  });

  test("each flag switches its own thing on", () => {
    expect(options("--quick", "--json", "--check")).toMatchObject({ quick: true, json: true, check: true });
  });

  test("--only takes one group, several, or a list, each once", () => {
    expect(options("--only", "breaker").only).toEqual(["breaker"]);
    expect(options("--only=pool", "--only", "cache,pool").only).toEqual(["pool", "cache"]);
  });

  test("the separator that pnpm hands on is no argument", () => {
    expect(options("--", "--quick").quick).toBe(true);
  });

  test("an unknown group is named, with those that exist", () => {
    expect(message("--only", "bulkhead")).toBe(`--only must be one of ${groups.join(", ")}, got "bulkhead"`);
    expect(message("--only", "")).toContain('got ""');
  });

  test("an unknown flag, a stray word and a flag without its value are named", () => {
    expect(message("--fast")).toContain("--fast");
    expect(message("breaker")).toContain("breaker");
    expect(message("--only")).toContain("--only");
    expect(message("--quick=yes")).toContain("--quick");
  });

  test("only a whole run may be written down", () => {
    expect(options("--write", "--check")).toMatchObject({ write: true, check: true });
    expect(message("--write", "--quick")).toContain("--write");
    expect(message("--write", "--only", "pool")).toContain("--write");
  });

  test("--help wins over everything that is valid, and names every flag and group", () => {
    expect(parseArguments(["--quick", "--help"])).toEqual({ kind: "help" });
    expect(parseArguments(["-h"])).toEqual({ kind: "help" });
    for (const word of ["--only", "--quick", "--check", "--json", "--write", ...groups]) expect(help).toContain(word);
  });
});
