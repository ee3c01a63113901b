import type { ListName } from "@minion/client";

/** What the processes of a fleet tell each other. A message is a hint: what is true is asked of Redis. */
export type FleetMessage =
  | {
      /** Whoever hears it knows that the sender is there, and the sender that it can be heard. */
      readonly type: "present";
      readonly beat: string;
    }
  | {
      /** So many calls in a row have failed at the sender. */
      readonly type: "failing";
      readonly identity: string;
      readonly replica: number;
      readonly failures: number;
    }
  | { readonly type: "changed"; readonly identity: string; readonly list: ListName; readonly generation: string }
  | {
      readonly type: "verdict";
      readonly identity: string;
      readonly replica: number;
      readonly verdict: "open" | "closed";
      /** Stands under the key of the verdict for as long as it holds. */
      readonly token: string;
    };

const version = 1;
const maxLength = 1_024;
const listNames: readonly unknown[] = ["tools", "resources", "resourceTemplates", "prompts"] satisfies ListName[];

/** The text of a message. */
export function encodeMessage(from: string, message: FleetMessage): string {
  return JSON.stringify({ version, from, ...message });
}

/** What a text says, and who sent it; undefined where it is no message of this version. */
export function decodeMessage(text: string): { readonly from: string; readonly message: FleetMessage } | undefined {
  if (text.length > maxLength) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const get = (name: string): unknown => Reflect.get(parsed, name);
  const from = get("from");
  const message = messageOf(get);
  return get("version") === version && typeof from === "string" && message !== undefined
    ? { from, message }
    : undefined;
}

function messageOf(get: (name: string) => unknown): FleetMessage | undefined {
  const [type, identity, token, generation, list] = ["type", "identity", "token", "generation", "list"].map(get);
  if (type === "present") {
    const beat = get("beat");
    return typeof beat === "string" ? { type, beat } : undefined;
  }
  if (typeof identity !== "string") return undefined;
  if (type === "changed" && isListName(list) && typeof generation === "string")
    return { type, identity, list, generation };
  const [replica, verdict, failures] = [get("replica"), get("verdict"), get("failures")];
  if (type === "failing" && typeof replica === "number" && Number.isSafeInteger(failures) && Number(failures) > 0)
    return { type, identity, replica, failures: Number(failures) };
  if (type === "verdict" && typeof token === "string" && typeof replica === "number")
    if (verdict === "open" || verdict === "closed") return { type, identity, replica, verdict, token };
  return undefined;
}

function isListName(value: unknown): value is ListName {
  return listNames.includes(value);
}
