import { isRecord } from "./is-record.js";

/** A piece of a tool's result. Every adapter turns each kind into the richest form that its framework has. */
export type ResultPart =
  | { readonly kind: "text"; readonly text: string }
  | {
      /** `data` is base64. Audio and the binary resources that a server embeds are files. */
      readonly kind: "image" | "file";
      readonly data: string;
      readonly mimeType: string;
      readonly name: string | undefined;
    };

/** A part that is no text. */
export type BinaryPart = Exclude<ResultPart, { kind: "text" }>;

const noOutput = "(no output)";
const unknownType = "application/octet-stream";

/**
 * What a model is to see of a result: its content, its structured content where there is no other, or a text that says that
 * there is nothing. Never empty, and no text in it is blank, since model APIs refuse both.
 */
export function resultParts(result: unknown): readonly [ResultPart, ...ResultPart[]] {
  const { content, structuredContent } = isRecord(result) ? result : {};
  const [first, ...others] = (Array.isArray(content) ? content : []).map(partOf).filter((part) => !isBlank(part));
  if (first !== undefined) return [first, ...others];
  if (structuredContent !== undefined && structuredContent !== null)
    return [{ kind: "text", text: JSON.stringify(structuredContent) }];
  return [{ kind: "text", text: noOutput }];
}

/** A result as text alone, for where a framework has room for nothing else. */
export function resultText(result: unknown): string {
  return resultParts(result)
    .map((part) => (part.kind === "text" ? part.text : describe(part)))
    .join("\n");
}

/** A line that says what a part is, for where a framework cannot carry it. */
export function describe({ kind, data, mimeType, name }: BinaryPart): string {
  const bytes = Math.floor((data.replace(/=+$/, "").length * 3) / 4);
  const what = kind === "image" ? "image" : mimeType.startsWith("audio/") ? "audio" : "file";
  return `[${[what, name, mimeType, `${bytes} bytes`].filter((word) => word !== undefined).join(", ")}]`;
}

function isBlank(part: ResultPart): boolean {
  return part.kind === "text" && part.text.trim() === "";
}

function partOf(block: unknown): ResultPart {
  const { type, ...members } = isRecord(block) ? block : {};
  const { text, data, mimeType, resource } = members;
  if (type === "text" && typeof text === "string") return { kind: "text", text };
  if ((type === "image" || type === "audio") && typeof data === "string")
    return binaryPart(type === "image" ? "image" : "file", data, typeOf(mimeType), undefined);
  if (type === "resource" && isRecord(resource)) return resourcePart(resource);
  if (type === "resource_link") return { kind: "text", text: linkLine(members) };
  return { kind: "text", text: `[content of the unknown type ${JSON.stringify(type)}]` };
}

function resourcePart({ uri, mimeType, text, blob }: Readonly<Record<string, unknown>>): ResultPart {
  if (typeof text === "string") return { kind: "text", text };
  if (typeof blob !== "string") return { kind: "text", text: `[resource ${textOr(uri, "without a URI")}, empty]` };
  const type = typeOf(mimeType);
  return binaryPart(type.startsWith("image/") ? "image" : "file", blob, type, fileName(uri));
}

/** Bytes, or a line that says that there are none. Some servers give the whole `data:` URL where only its end belongs. */
function binaryPart(kind: BinaryPart["kind"], given: string, mimeType: string, name: string | undefined): ResultPart {
  const part = { kind, data: given.replace(/^data:[^,]*,/, ""), mimeType, name };
  return part.data === "" ? { kind: "text", text: describe(part) } : part;
}

/** As model APIs look for it: in lower case, and a JPEG by its registered name. */
function typeOf(mimeType: unknown): string {
  return textOr(mimeType, unknownType).toLowerCase().replace("image/jpg", "image/jpeg");
}

/** The last segment of a URI's path, which is what a file of that URI is called. */
function fileName(uri: unknown): string | undefined {
  const name =
    typeof uri === "string"
      ? uri
          .replace(/[?#].*$/s, "")
          .split("/")
          .pop()
      : undefined;
  return name === "" ? undefined : name;
}

function linkLine({ name, title, uri, description, mimeType }: Readonly<Record<string, unknown>>): string {
  const details = [description, mimeType].filter((detail) => typeof detail === "string" && detail !== "");
  const what = [title, name].filter((part) => typeof part === "string").join(", ");
  return `Resource ${what}: ${textOr(uri, "no URI")}${details.length === 0 ? "" : ` (${details.join("; ")})`}`;
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}
