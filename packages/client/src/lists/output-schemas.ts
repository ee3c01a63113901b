import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { OutputSchemaError } from "../errors.js";
import type { SchemaSkipped } from "../events.js";
import { compileSchema, type Verdict } from "./json-schema/compile-schema.js";

/** Checks structured content against the output schemas of its tools, each read at its first use and kept. */
export class OutputSchemas {
  readonly #server: string;
  readonly #mode: "enforce" | "report" | "off";
  readonly #emit: (event: Omit<SchemaSkipped, "server" | "at">) => void;
  /** By the tool as it is cached: a new list brings new tools, and the old ones go with it. */
  readonly #compiled = new WeakMap<object, (value: unknown) => Verdict>();

  /** `emit` is told of each result that is returned although it does not fit, or could not be checked. */
  constructor(
    server: string,
    mode: "enforce" | "report" | "off",
    emit: (event: Omit<SchemaSkipped, "server" | "at">) => void,
  ) {
    this.#server = server;
    this.#mode = mode;
    this.#emit = emit;
  }

  /**
   * Throws {@link OutputSchemaError} where the result does not fit the output schema of its tool; null is none. A result
   * that is an error need not fit. Whatever the schema and the content are, this takes a bounded time.
   */
  check(tool: Readonly<Record<string, unknown>>, result: CallToolResult): void {
    if (tool.outputSchema === null || this.#mode === "off" || result.isError === true) return;
    const name = String(tool.name);
    const verdict = this.#verdict(tool, result.structuredContent);
    if (verdict.kind === "fits") return;
    const message =
      verdict.kind === "misfit" ? verdict.problem : `its structured content was not checked: ${verdict.reason}`;
    if (verdict.kind === "misfit" && this.#mode === "enforce")
      throw new OutputSchemaError(this.#server, name, message, result);
    this.#emit({ type: "schemaSkipped", tool: name, message });
  }

  #verdict(tool: Readonly<Record<string, unknown>>, content: unknown): Verdict {
    if (content === undefined)
      return { kind: "misfit", problem: "it has an output schema and returned no structured content" };
    let validate = this.#compiled.get(tool);
    if (validate === undefined) {
      validate = compileSchema(tool.outputSchema);
      this.#compiled.set(tool, validate);
    }
    const verdict = validate(content);
    if (verdict.kind !== "misfit") return verdict;
    return { kind: "misfit", problem: `its structured content does not fit its output schema: ${verdict.problem}` };
  }
}
