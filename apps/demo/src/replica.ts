import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A replica in a process of its own, which can be killed and started again on the same port. */
export class Replica {
  readonly #args: (port: number) => readonly string[];
  #child: ChildProcess | undefined;
  #port = 0;

  /** `script` is a built module of the demo; `args` are what it is given for a port, 0 for any. */
  constructor(script: string, args: (port: number) => readonly string[]) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    this.#args = (port) => [path, ...args(port)];
  }

  get port(): number {
    return this.#port;
  }

  get runs(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves once it says where it serves. Rejects with its last words where it ends before. */
  start(): Promise<void> {
    const child = spawn(process.execPath, this.#args(this.#port), { stdio: ["pipe", "ignore", "pipe"] });
    child.stdin.on("error", () => {});
    return new Promise((resolve, reject) => {
      let output = "";
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        output = `${output}${text}`.slice(-2_000);
        const port = /serving MCP at http:\/\/127\.0\.0\.1:(\d+)\//.exec(output)?.[1];
        if (port === undefined || this.#child === child) return;
        this.#port = Number(port);
        this.#child = child;
        resolve();
      });
      child.once("error", reject);
      child.once("exit", () => {
        if (this.#child === child) this.#child = undefined;
        reject(new Error(`A replica ended before it served: ${output}`));
      });
    });
  }

  /** Kills it as `kill -9` does; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }
}
