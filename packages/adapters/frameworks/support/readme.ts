import { readFile, writeFile } from "node:fs/promises";
import { expect } from "vitest";

const file = new URL("../../README.md", import.meta.url);

/** The README of the package. */
export function readme(): Promise<string> {
  return readFile(file, "utf8");
}

/** A table in Markdown. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Expects a table to stand in the README as this run made it; WRITE_README=1 puts it there instead. */
export async function expectInReadme(name: string, made: string): Promise<void> {
  const marks = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`] as const;
  const text = await readme();
  const start = text.indexOf(marks[0]) + marks[0].length;
  const end = text.indexOf(marks[1]);
  if (start < marks[0].length || end < start) throw new Error(`README.md has no place for the table "${name}"`);
  if (process.env.WRITE_README === "1") await writeFile(file, `${text.slice(0, start)}${made}\n${text.slice(end)}`);
  else expect(text.slice(start, end)).toBe(`${made}\n`);
}
