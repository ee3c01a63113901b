import { spawn } from "node:child_process";
import { ParentWatch, starterVariable } from "./parent-watch.js";

/**
 * Runs this program again, without its wrapper flag, as the child of this process or of a shell of this process: the
 * tree that `npx` makes. Forwards nothing but stdio, so that the child outlives a killed wrapper.
 */
export function runWrapped(kind: "node" | "sh", argv: readonly string[], maxLifeMs: number): void {
  const words = [process.execPath, ...process.execArgv, process.argv[1] ?? "", ...argv, "--wrapper=none"];
  // The `exit` keeps the shell from becoming the server: it must stay between.
  const script = `${words.map(quote).join(" ")}; exit $?`;
  const [command = "", ...args] = kind === "sh" ? ["/bin/sh", "-c", script] : words;
  const child = spawn(command, args, {
    stdio: "inherit",
    env: { ...process.env, [starterVariable]: String(process.pid) },
  });
  const parentWatch = new ParentWatch(maxLifeMs, () => {
    child.kill("SIGKILL");
    process.kill(process.pid, "SIGKILL");
  });
  parentWatch.start();
  child.on("error", (error) => {
    process.stderr.write(`minion-chaos: no wrapped server: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code) => process.exit(code ?? 1));
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
