import { ConfigError } from "@minion/client";
import { ListenError } from "./listen.js";
import { say } from "./report.js";

/** The demo ends within this time, whatever hangs. */
const limitMs = 4_500;

/**
 * Ends what was started, side by side and the last first, at Ctrl+C, at SIGTERM, at an error nobody caught, and when the
 * returned function is called. The exit code is 130 or 143 after a signal, as a shell expects.
 */
export function onInterrupt(ends: readonly (() => Promise<void>)[]): () => Promise<void> {
  let ending: Promise<void> | undefined;
  const end = (): Promise<void> => {
    ending ??= endAll(ends);
    return ending;
  };
  let isExiting = false;
  const exit = (code: number): void => {
    if (isExiting) return;
    isExiting = true;
    setTimeout(() => process.exit(code), limitMs).unref();
    void end().finally(() => process.exit(code));
  };
  process.once("SIGINT", () => exit(130));
  process.once("SIGTERM", () => exit(143));
  process.on("uncaughtException", (error) => {
    // What was only starting fails when it is ended: that is no news.
    // What the user wrote is mended there; anything else is ours, and the stack tells where.
    const isOfUser = error instanceof ConfigError || error instanceof ListenError;
    if (!isExiting) say(isOfUser ? error.message : `The demo failed: ${error.stack ?? error}`);
    exit(1);
  });
  return end;
}

async function endAll(ends: readonly (() => Promise<void>)[]): Promise<void> {
  // What is slow to end takes no time from the others.
  const all = [...ends].reverse().map((end) => end().catch((error: unknown) => say(`While ending: ${error}`)));
  await Promise.all(all);
}
