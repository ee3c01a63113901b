import { expect, test } from "vitest";
import { type Received, textOf } from "../support/loop.js";
import { loops } from "../support/loops.js";
import { expectInReadme, table } from "../support/readme.js";
import { chaosAndMinion } from "../support/servers.js";

const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==";
const wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";
const pdf = Buffer.from("%PDF-1.4 not much of a document").toString("base64");
const csv = Buffer.from("city,degrees\nOslo,3\n").toString("base64");
const bytes = Buffer.from(Array.from({ length: 40 }, (_, index) => index)).toString("base64");
const blob = (uri: string, mimeType: string | undefined, data: string) => ({
  content: [{ type: "resource", resource: { uri, ...(mimeType !== undefined && { mimeType }), blob: data } }],
});

/** What a tool returns, by the name under which the README's table has it. */
const results: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  text: { content: [{ type: "text", text: "a text" }] },
  image: { content: [{ type: "image", data: png, mimeType: "image/png" }] },
  audio: { content: [{ type: "audio", data: wav, mimeType: "audio/wav" }] },
  "embedded text": { content: [{ type: "resource", resource: { uri: "file:///a.txt", text: "embedded words" } }] },
  "embedded image": blob("file:///pixel.png", "image/png", png),
  "embedded PDF": blob("file:///report.pdf", "application/pdf", pdf),
  "embedded text blob": blob("file:///cities.csv", "text/csv", csv),
  "embedded binary": blob("file:///data", undefined, bytes),
  link: { content: [{ type: "resource_link", uri: "file:///b.txt", name: "b", description: "the second" }] },
  "structured only": { content: [], structuredContent: { sum: 3 } },
  nothing: { content: [] },
  "empty text": { content: [{ type: "text", text: "" }] },
  "text and image": {
    content: [
      { type: "text", text: "see" },
      { type: "image", data: png, mimeType: "image/png" },
    ],
  },
  "isError, text": { content: [{ type: "text", text: "no such city" }], isError: true },
  "isError, image": {
    content: [
      { type: "text", text: "no such city" },
      { type: "image", data: png, mimeType: "image/png" },
    ],
    isError: true,
  },
  "isError, nothing": { content: [], isError: true },
};
/** Results that need no row of their own in the README. */
const notShown = new Set(["empty text", "text and image", "isError, nothing"]);

/** What has to be read in the text that the model gets. */
const words: Readonly<Record<string, RegExp>> = {
  text: /a text/,
  "embedded text": /embedded words/,
  link: /b: file:\/\/\/b\.txt \(the second\)/,
  "structured only": /\{\\+"sum\\+":3\}/,
  nothing: /\(no output\)/,
  "empty text": /\(no output\)/,
  "text and image": /see/,
  "isError, text": /no such city/,
  "isError, image": /no such city/,
  "isError, nothing": /\(no output\)/,
};

const payloads = [png, wav, pdf, csv, bytes];

/** Texts of what the model got: everything that is no payload of an image or a file. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value !== "object" || value === null) return [];
  const { type, text, value: inner } = value as { type?: string; text?: unknown; value?: unknown };
  if (/^(text|input_text|error-text)$/.test(type ?? "")) return textsIn(text ?? inner);
  return type === "content" || type === "error-json" || type === "json" ? textsIn(inner) : [];
}

/** The kind of what the model got, in a word. */
function formOf({ content, isError }: Received): string {
  const json = JSON.stringify(content);
  const forms = [
    /"type":"(document)"/.exec(json)?.[1],
    /"type":"(?:input_)?image"|"mediaType":"image/.test(json) ? "image" : undefined,
    /"type":"audio"|audio\/wav/.test(json) && !/\[audio/.test(json) ? "audio file" : undefined,
    /"type":"(?:input_)?file"/.test(json) && !/audio\/wav|"mediaType":"image/.test(json) ? "file" : undefined,
  ].filter((form) => form !== undefined);
  const line = /\[(image|audio|file), /.test(json) ? "a line" : undefined;
  const text = textsIn(content).some((one) => one !== "" && !/^\[(image|audio|file),/.test(one)) ? "text" : undefined;
  return `${[text, ...forms, line].filter((form) => form !== undefined).join(" + ")}${isError ? ", as an error" : ""}`;
}

test("A1, A2: every kind of content reaches the model of each framework as the README says", async () => {
  const names = Object.keys(results);
  const { client } = await chaosAndMinion({
    extraTools: names.map((name, index) => ({ name: `tool${index}`, result: results[name] })),
  });
  const rows = new Map(names.map((name) => [name, [name]]));
  for (const loop of loops) {
    for (const [index, name] of names.entries()) {
      const received = await loop.run(client, { name: `mcp_chaos_tool${index}` });
      const where = `${loop.name}, ${name}: ${textOf(received)}`;
      const failed = results[name]?.isError === true && loop.name !== "OpenAI Agents";
      expect(received.isError, where).toBe(failed);
      const text = textsIn(received.content);
      for (const payload of payloads) expect(text.join("\n"), where).not.toContain(payload);
      if (words[name] !== undefined) expect(JSON.stringify(text), where).toMatch(words[name]);
      expect(textOf(received), where).not.toBe("[]");
      rows.get(name)?.push(formOf(received));
    }
  }
  for (const name of notShown) rows.delete(name);
  await expectInReadme("content", table(["the tool returns", ...loops.map(({ name }) => name)], [...rows.values()]));
});
