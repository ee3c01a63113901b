import { createHash } from "node:crypto";

const maxLength = 64;
const hashLength = 8;
const legal = /^[A-Za-z0-9_-]+$/;
/** How a name ends that carries a hash; no other name may end so. */
const hashEnd = new RegExp(`_[0-9a-f]{${hashLength}}$`);

/**
 * The name under which a tool can be offered to a model next to those of other servers: `mcp_<server>_<tool>`, as long as
 * that is unambiguous and fits `^[A-Za-z0-9_-]{1,64}$`; otherwise made legal, cut, and told apart by a hash of the pair.
 * It depends on the pair alone, so that another server renames nothing.
 */
export function qualifiedName(server: string, tool: string): string {
  const plain = `mcp_${server}_${tool}`;
  const isUnambiguous = !server.includes("_") && !hashEnd.test(plain);
  if (isUnambiguous && plain.length <= maxLength && legal.test(server) && legal.test(tool)) return plain;
  const hash = createHash("sha256")
    .update(JSON.stringify([server, tool]))
    .digest("hex")
    .slice(0, hashLength);
  return `${readable(plain)}_${hash}`;
}

/** Whether a tool of the server can have this name, as far as can be told without knowing its tools. */
export function mayBelongTo(name: string, server: string): boolean {
  return name.startsWith(readable(`mcp_${server}_`));
}

/** Made legal, and cut so that a hash fits behind it. */
function readable(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/gu, "_").slice(0, maxLength - hashLength - 1);
}

/** The pair that a plain qualified name stands for; undefined for one with a hash, which has to be looked up. */
export function pairOf(name: string): { readonly server: string; readonly tool: string } | undefined {
  const [, server, tool] = /^mcp_([A-Za-z0-9-]+)_([A-Za-z0-9_-]+)$/.exec(name) ?? [];
  if (server === undefined || tool === undefined || qualifiedName(server, tool) !== name) return undefined;
  return { server, tool };
}
