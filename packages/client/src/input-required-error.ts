/** What a server asks before it answers a call, by the server's own keys: `elicitation/create` and the like. */
export type InputRequests = Readonly<Record<string, { readonly method: string; readonly params?: unknown }>>;

/**
 * A server of revision 2026-07-28 asks for input before it answers, and there was no answer: no `onServerRequest`, one that
 * failed or may not answer that, or too many rounds. `request()` sends the call again with `inputResponses` and `requestState`.
 */
export class InputRequiredError extends Error {
  override readonly name = "InputRequiredError";
  readonly code = "ERR_MCP_INPUT_REQUIRED";
  readonly server: string;
  readonly delivery: "sent" = "sent";
  /** As the server sent them. */
  readonly inputRequests: InputRequests;
  /** To be sent back as it is; undefined where the server gave none. */
  readonly requestState: string | undefined;

  constructor(
    server: string,
    what: string,
    details: {
      readonly inputRequests: InputRequests;
      readonly requestState: string | undefined;
      readonly cause?: unknown;
    },
  ) {
    const methods = [...new Set(Object.values(details.inputRequests).map(({ method }) => method.slice(0, 100)))];
    const asked = methods.length === 0 ? "to be asked again" : methods.slice(0, 5).join(", ");
    const { cause } = details;
    // Where a limit was reached, somebody does answer.
    const why =
      cause instanceof RangeError
        ? `: ${cause.message}.`
        : ". Declare the capability and answer it in onServerRequest.";
    super(`${what} of server "${server}" needs input (${asked}) and got none${why}`, { cause });
    this.server = server;
    this.inputRequests = details.inputRequests;
    this.requestState = details.requestState;
  }
}
