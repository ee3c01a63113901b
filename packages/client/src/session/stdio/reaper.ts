import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { ignore } from "../quietly.js";
import { applicationCookie } from "./process-cookie.js";

/**
 * Reads `+ id` and `- id` (process groups) until its input ends, which is the end of the application, however that
 * came about. Then whatever belongs to those groups is ended: the look for relatives in other groups comes before
 * the first signal, because a process whose parent is gone can no longer be found. `+ id start` is a relative that
 * may end unnoticed: it counts only while that id belongs to the process that started then.
 *
 * It finds relatives as `familyOf` in process-table.ts does while the application lives, and as process-cookie.ts does: what
 * changes there changes here too.
 */
export const reaperScript: string = `
trap '' HUP INT QUIT TERM TSTP TTIN TTOU PIPE
groups=
while read -r op id start; do
  case $op in
    +) groups="$groups $id/$start" ;;
    -) kept=; for g in $groups; do [ "\${g%/*}" = "$id" ] || kept="$kept $g"; done; groups=$kept ;;
  esac
done
[ -n "$groups" ] || exit 0
family=' '
cookie=$1
for g in $groups; do
  id=\${g%/*}
  start=\${g#*/}
  if [ -n "$start" ] && [ -r /proc/self/stat ]; then
    line=
    read -r line <"/proc/$id/stat"
    set -- \${line##*) }
    [ "\${20}" = "$start" ] || continue
  fi 2>/dev/null
  family="$family$id "
done
table() {
  if [ -r /proc/self/stat ]; then
    for stat in /proc/[0-9]*/stat; do
      read -r line <"$stat" || continue
      pid=\${line%% *}
      set -- \${line##*) }
      echo "$pid $2 $3 $4"
    done
  else
    ps -A -o pid=,ppid=,pgid=,pgid=
  fi 2>/dev/null
}
look() {
if [ -r /proc/self/environ ] && [ -n "$cookie" ]; then
  for environ in $(grep -slaF "$cookie" /proc/[0-9]*/environ); do
    id=\${environ#/proc/}
    id=\${id%/environ}
    case $family in *" $id "*) ;; *) family="$family$id " ;; esac
  done
fi
processes=$(table)
grown=1
while [ -n "$grown" ]; do
  grown=
  while read -r pid parent group session; do
    case $family in *" $pid "*) continue ;; esac
    case $family in *" $parent "*|*" $group "*|*" $session "*) family="$family$pid "; grown=1 ;; esac
  done <<EOT
$processes
EOT
done
}
look
signal() {
  for p in $family; do kill -s "$1" -- "-$p"; kill -s "$1" "$p"; done 2>/dev/null
}
sleep 1
signal TERM
sleep 1
look
signal STOP
look
signal KILL
`;

const firstDelayMs = 50;
const maxDelayMs = 10_000;
const shortLifeMs = 5_000;

/** The shell that outlives this process for as long as it takes to end the servers it leaves behind. */
export class Reaper {
  readonly #program: string;
  /** When each started, where that has to be checked. */
  readonly #groups = new Map<number, string>();
  #shell: ChildProcess | undefined;
  #preparedAt = 0;
  #delayMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(program = "/bin/sh") {
    this.#program = program;
  }

  /** Starts the shell, so that it is there before the first server. */
  prepare(): void {
    if (this.#shell !== undefined || process.platform === "win32") return;
    this.#preparedAt = performance.now();
    // A session of its own: Ctrl+C and the end of the terminal reach the application's group only.
    const shell = spawn(this.#program, ["-c", reaperScript, "minion-reaper", applicationCookie], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      cwd: "/",
      env: { PATH: "/usr/bin:/bin" },
    });
    shell.on("error", () => this.#replace(shell));
    this.#shell = shell;
    // Where the process has no file descriptors left, spawn() gives no pipe although its type says so.
    const { stdin }: { readonly stdin: Writable | undefined } = shell;
    if (stdin === undefined) return;
    shell.on("exit", () => this.#replace(shell));
    stdin.on("error", ignore);
    shell.unref();
    if (stdin instanceof Socket) stdin.unref();
    for (const [group, startedAt] of this.#groups) this.#tell(group, startedAt);
  }

  /** Has the group ended with the application. `startedAt` where its leader may end without `remove`. */
  add(group: number, startedAt = ""): void {
    this.#groups.set(group, startedAt);
    if (this.#shell?.stdin) this.#tell(group, startedAt);
    else this.prepare();
  }

  remove(group: number): void {
    if (this.#groups.delete(group)) this.#shell?.stdin?.write(`- ${group}\n`);
    this.rest();
  }

  /** Lets the shell go where there is nothing to watch over. */
  rest(): void {
    if (this.#groups.size > 0) return;
    const shell = this.#shell;
    this.#shell = undefined;
    shell?.stdin?.end();
  }

  #tell(group: number, startedAt: string): void {
    this.#shell?.stdin?.write(`+ ${group} ${startedAt}\n`);
  }

  /** Somebody killed it, or it could not be started: another is, later and later, and at once for the next server. */
  #replace(shell: ChildProcess): void {
    if (this.#shell !== shell) return;
    this.#shell = undefined;
    if (this.#groups.size === 0) return;
    const livedMs = performance.now() - this.#preparedAt;
    this.#delayMs = livedMs > shortLifeMs ? 0 : Math.min(Math.max(this.#delayMs * 2, firstDelayMs), maxDelayMs);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#groups.size > 0) this.prepare();
    }, this.#delayMs);
    this.#timer.unref();
  }
}

/** One for this process, shared by all clients. */
export const reaper: Reaper = new Reaper();
