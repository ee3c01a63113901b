import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv";
import { OutputSchemaError } from "../errors.js";

type Validate = (value: unknown) => { readonly valid: boolean; readonly errorMessage?: string | undefined };

/** Checks structured results against the output schemas of their tools, each compiled at its first use and kept. */
export class OutputSchemas {
  readonly #server: string;
  /** By the tool as it is cached: a new list brings new tools, and the old ones go with it. */
  readonly #compiled = new WeakMap<object, Validate | OutputSchemaError>();

  constructor(server: string) {
    this.#server = server;
  }

  /**
   * Throws {@link OutputSchemaError} where the tool has an output schema and the result does not fit it. A result that is
   * an error need not fit.
   */
  check(tool: Readonly<Record<string, unknown>> | undefined, result: Readonly<Record<string, unknown>>): void {
    if (tool?.outputSchema === undefined || result.isError === true) return;
    const name = String(tool.name);
    const validate = this.#compiled.get(tool) ?? this.#compile(tool, name);
    if (validate instanceof OutputSchemaError) throw validate;
    if (result.structuredContent === undefined)
      throw new OutputSchemaError(this.#server, name, "it has an output schema and returned no structured content");
    const { valid, errorMessage } = validate(result.structuredContent);
    if (!valid)
      throw new OutputSchemaError(
        this.#server,
        name,
        `its structured content does not fit its output schema: ${errorMessage}`,
      );
  }

  #compile(tool: Readonly<Record<string, unknown>>, name: string): Validate | OutputSchemaError {
    const compiled = this.#tryToCompile(tool.outputSchema, name);
    this.#compiled.set(tool, compiled);
    return compiled;
  }

  #tryToCompile(schema: unknown, name: string): Validate | OutputSchemaError {
    try {
      // One compiler for each schema: it keeps all it ever compiled.
      return new AjvJsonSchemaValidator().getValidator(structuredClone(Object(schema)));
    } catch (error) {
      return new OutputSchemaError(this.#server, name, "its output schema cannot be compiled", { cause: error });
    }
  }
}
