import { Uncheckable } from "./budget.js";
import type { Dialect } from "./dialect.js";

/** A part of a schema that has an address of its own. */
export interface Resource {
  readonly uri: string;
  readonly root: unknown;
  /** Names of places in it, of which the dynamic ones may be overridden by a resource that refers to this one. */
  readonly anchors: Map<string, { readonly schema: object; readonly isDynamic: boolean }>;
}

/** A place in a schema, with the resource to which it belongs. */
export interface Place {
  readonly schema: unknown;
  readonly resource: Resource;
}

const unnamed = "schema:/";

/** The addresses within one schema. Nothing is ever fetched: an address outside it leads nowhere. */
export class Resources {
  readonly #dialect: Dialect;
  readonly #byUri = new Map<string, Resource>();

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** The resource that a schema object belongs to, which is a new one where it has an id. Notes its anchors. */
  enter(schema: object, around: Resource | undefined): Resource {
    const id = this.#idOf(schema);
    const isFragment = id?.startsWith("#") === true;
    const uri = id === undefined || isFragment ? undefined : withoutFragment(resolve(id, around?.uri));
    let resource = around;
    if (around === undefined || uri !== undefined) {
      resource = { uri: uri ?? unnamed, root: schema, anchors: new Map() };
      this.#byUri.set(resource.uri, resource);
    }
    if (resource === undefined) throw new TypeError("a resource is missing");
    if (isFragment && this.#dialect <= 7 && id !== undefined)
      resource.anchors.set(id.slice(1), { schema, isDynamic: false });
    if (this.#dialect >= 2019) {
      const anchor = textOf(schema, "$anchor");
      if (anchor !== undefined) resource.anchors.set(anchor, { schema, isDynamic: false });
      const dynamic = textOf(schema, "$dynamicAnchor");
      if (dynamic !== undefined) resource.anchors.set(dynamic, { schema, isDynamic: true });
    }
    return resource;
  }

  /** Where a reference leads. Throws {@link Uncheckable} where that is nowhere. */
  find(reference: string, from: Resource): Place & { readonly dynamicAnchor: string | undefined } {
    const uri = resolve(reference, from.uri);
    const resource = this.#byUri.get(withoutFragment(uri));
    const fragment = decode(uri.includes("#") ? uri.slice(uri.indexOf("#") + 1) : "");
    if (resource === undefined || fragment === undefined) throw lost(reference);
    if (fragment === "") return { schema: resource.root, resource, dynamicAnchor: undefined };
    if (fragment.startsWith("/")) return { ...this.#follow(fragment, resource, reference), dynamicAnchor: undefined };
    const anchor = resource.anchors.get(fragment);
    if (anchor === undefined) throw lost(reference);
    return { schema: anchor.schema, resource, dynamicAnchor: anchor.isDynamic ? fragment : undefined };
  }

  #follow(pointer: string, start: Resource, reference: string): Place {
    let resource = start;
    let at: unknown = start.root;
    for (const token of pointer.slice(1).split("/")) {
      const key = token.replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) throw lost(reference);
      at = Reflect.get(at, key);
      const uri = typeof at === "object" && at !== null ? this.#uriOf(at, resource) : undefined;
      resource = (uri === undefined ? undefined : this.#byUri.get(uri)) ?? resource;
    }
    return { schema: at, resource };
  }

  #uriOf(schema: object, around: Resource): string | undefined {
    const id = this.#idOf(schema);
    return id === undefined || id.startsWith("#") ? undefined : withoutFragment(resolve(id, around.uri));
  }

  /** Beside `$ref` an id of the old drafts does not count. */
  #idOf(schema: object): string | undefined {
    if (this.#dialect <= 7 && textOf(schema, "$ref") !== undefined) return undefined;
    return textOf(schema, this.#dialect === 4 ? "id" : "$id");
  }
}

function textOf(schema: object, key: string): string | undefined {
  const value: unknown = Object.hasOwn(schema, key) ? Reflect.get(schema, key) : undefined;
  return typeof value === "string" && value !== "" ? value : undefined;
}

function resolve(reference: string, base: string = unnamed): string {
  try {
    return new URL(reference, base).href;
  } catch {
    throw lost(reference);
  }
}

function withoutFragment(uri: string): string {
  return uri.split("#", 1)[0] ?? uri;
}

function decode(fragment: string): string | undefined {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return undefined;
  }
}

function lost(reference: string): Uncheckable {
  return new Uncheckable(`its output schema refers to "${reference.slice(0, 200)}", which it does not hold`);
}
