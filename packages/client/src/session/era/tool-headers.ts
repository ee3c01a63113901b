import { isObject } from "../../is-object.js";
import { type HeaderParameter, headerParameters, parameterHeaders } from "./header-parameters.js";

const maxTools = 10_000;

/**
 * Which parameters of which tools go into headers, as the lists said that came by. Kept for one server and principal, since
 * another connection may have listed the tools than the one that calls them.
 */
export class ToolHeaders {
  readonly #parameters = new Map<string, readonly HeaderParameter[]>();
  readonly #onMalformed: (tool: string, problem: string) => void;

  /** `onMalformed` is told of each tool that is left out. */
  constructor(onMalformed: (tool: string, problem: string) => void) {
    this.#onMalformed = onMalformed;
  }

  /** Notes a page of tools. Returns it without those that must not be used. */
  note(page: unknown): unknown {
    if (!isObject(page) || !Array.isArray(page.tools)) return page;
    const tools: readonly unknown[] = page.tools;
    const kept = tools.filter((tool) => this.#noteTool(tool));
    return kept.length === tools.length ? page : { ...page, tools: kept };
  }

  /** The headers of a call with these arguments; those of a tool that was never listed are not known. */
  headersFor(tool: unknown, args: unknown): Record<string, string> {
    const parameters = typeof tool === "string" ? this.#parameters.get(tool) : undefined;
    return parameters === undefined ? {} : parameterHeaders(parameters, args);
  }

  #noteTool(tool: unknown): boolean {
    if (!isObject(tool) || typeof tool.name !== "string") return true;
    const { name, inputSchema } = tool;
    const parameters = headerParameters(inputSchema);
    this.#parameters.delete(name);
    if (typeof parameters === "string") {
      this.#onMalformed(name, parameters);
      return false;
    }
    if (parameters.length > 0 && this.#parameters.size < maxTools) this.#parameters.set(name, parameters);
    return true;
  }
}
