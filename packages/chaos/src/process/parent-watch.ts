/** The variable by which a process tells one that it starts who it is. */
export const starterVariable = "MINION_CHAOS_STARTER";

/**
 * Ends this process by itself some time after the process that started it is gone, so that a test that died leaves
 * nothing forever. It waits long enough not to do a client's work for it.
 *
 * A parent that died before this process could look at it is found out in two other ways: by the variable, where this
 * package started the process, and by the end of stdin.
 */
export class ParentWatch {
  readonly #maxLifeMs: number;
  readonly #onExpiry: () => void;
  readonly #parent = process.ppid;
  readonly #starter = Number(process.env[starterVariable]);
  #timer: NodeJS.Timeout | undefined;
  #orphanedAt: number | undefined;

  constructor(maxLifeMs: number, onExpiry: () => void) {
    this.#maxLifeMs = maxLifeMs;
    this.#onExpiry = onExpiry;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.check(), Math.min(1_000, Math.max(50, this.#maxLifeMs / 2))).unref();
  }

  /** Takes the parent for gone: it has closed the stdin of this process. */
  orphan(): void {
    this.#orphanedAt ??= performance.now();
  }

  /** What the timer does; a loop that lets no timer run calls it itself. */
  check(): void {
    if (process.ppid !== this.#parent || (this.#starter > 0 && !isAlive(this.#starter))) this.orphan();
    if (this.#orphanedAt !== undefined && performance.now() - this.#orphanedAt >= this.#maxLifeMs) this.#onExpiry();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process lives too.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
