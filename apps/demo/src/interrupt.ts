import { say } from "./report.js";

/** The demo ends within this time, whatever hangs. */
const limitMs = 4_500;

/**
 * Ends what was started, the last first, at Ctrl+C, at SIGTERM, at an error nobody caught, and when the returned function
 * is called. The exit code is 130 or 143 after a signal, as a shell expects.
 */
export function onInterrupt(ends: readonly (() => Promise<void>)[]): () => Promise<void> {
  let ending: Promise<void> | undefined;
  const end = (): Promise<void> => {
    ending ??= endAll(ends);
    return ending;
  };
  const exit = (code: number): void => {
    setTimeout(() => process.exit(code), limitMs).unref();
    void end().finally(() => process.exit(code));
  };
  process.once("SIGINT", () => exit(130));
  process.once("SIGTERM", () => exit(143));
  process.once("uncaughtException", (error) => {
    say(`The demo failed: ${error.stack ?? error}`);
    exit(1);
  });
  return end;
}

async function endAll(ends: readonly (() => Promise<void>)[]): Promise<void> {
  for (const end of [...ends].reverse()) await end().catch((error: unknown) => say(`While ending: ${error}`));
}
