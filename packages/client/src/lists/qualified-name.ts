import { createHash } from "node:crypto";
import { checkNameOptions, type NameOptions } from "../config/name-options.js";

const hashLength = 8;
const legal = /^[A-Za-z0-9_-]+$/;
/** How a name ends that carries a hash; no other name may end so. */
const hashEnd = new RegExp(`_[0-9a-f]{${hashLength}}$`);

/**
 * The name under which a tool can be offered to a model next to those of other servers: `mcp_<server>_<tool>`, as long as
 * that is unambiguous and fits `^[A-Za-z0-9_-]{1,64}$`; otherwise made legal, cut, and told apart by a hash of the pair.
 * It depends on the pair alone, so that another server renames nothing.
 *
 * @throws TypeError | RangeError for a prefix that is not legal or a length that leaves no room for the hash
 */
export function qualifiedName(server: string, tool: string, options: NameOptions = {}): string {
  checkNameOptions(options);
  const { prefix = "mcp_", maxLength = 64 } = options;
  const plain = `${prefix}${server}_${tool}`;
  const isUnambiguous = !server.includes("_") && !hashEnd.test(plain);
  if (isUnambiguous && plain.length <= maxLength && legal.test(server) && legal.test(tool)) return plain;
  const hash = createHash("sha256")
    .update(JSON.stringify([server, tool]))
    .digest("hex")
    .slice(0, hashLength);
  return `${readable(plain, maxLength)}_${hash}`;
}

/** Whether a name carries a hash: only such a name can be that of two tools. */
export function hasHash(name: string): boolean {
  return hashEnd.test(name);
}

/** Whether a tool of the server can have this name, as far as can be told without knowing its tools. */
export function mayBelongTo(name: string, server: string, options: NameOptions): boolean {
  const { prefix = "mcp_", maxLength = 64 } = options;
  return name.startsWith(readable(`${prefix}${server}_`, maxLength));
}

/** Made legal, and cut so that a hash fits behind it. */
function readable(text: string, maxLength: number): string {
  return text.replace(/[^A-Za-z0-9_-]/gu, "_").slice(0, maxLength - hashLength - 1);
}

/** The pair that a plain qualified name stands for; undefined for one with a hash, which has to be looked up. */
export function pairOf(
  name: string,
  options: NameOptions,
): { readonly server: string; readonly tool: string } | undefined {
  const { prefix = "mcp_" } = options;
  if (!name.startsWith(prefix)) return undefined;
  const [, server, tool] = /^([A-Za-z0-9-]+)_([A-Za-z0-9_-]+)$/.exec(name.slice(prefix.length)) ?? [];
  if (server === undefined || tool === undefined || qualifiedName(server, tool, options) !== name) return undefined;
  return { server, tool };
}
