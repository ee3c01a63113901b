import { type ChildProcess, spawn } from "node:child_process";

/**
 * Reads `+ id` and `- id` (process groups) until its input ends, which is the end of the application, however that
 * came about. Then whatever belongs to those groups is ended: the look for relatives in other groups comes before
 * the first signal, because a process whose parent is gone can no longer be found.
 */
const script = `
trap '' HUP INT QUIT TERM TSTP TTIN TTOU PIPE
groups=
while read -r op id; do
  case $op in
    +) groups="$groups $id" ;;
    -) kept=; for g in $groups; do [ "$g" = "$id" ] || kept="$kept $g"; done; groups=$kept ;;
  esac
done
[ -n "$groups" ] || exit 0
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
processes=$(table)
family=" $groups "
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
signal() {
  for p in $family; do kill -s "$1" -- "-$p"; kill -s "$1" "$p"; done 2>/dev/null
}
sleep 1
signal TERM
sleep 1
signal KILL
`;

/** The shell that outlives this process for as long as it takes to end the servers it leaves behind. */
class Reaper {
  readonly #groups = new Set<number>();
  #shell: ChildProcess | undefined;

  /** Starts the shell, so that it is there before the first server. */
  prepare(): void {
    if (this.#shell !== undefined || process.platform === "win32") return;
    // A session of its own: Ctrl+C and the end of the terminal reach the application's group only.
    const shell = spawn("/bin/sh", ["-c", script, "minion-reaper"], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      cwd: "/",
      env: { PATH: "/usr/bin:/bin" },
    });
    this.#shell = shell;
    const forget = (): void => {
      if (this.#shell !== shell) return;
      this.#shell = undefined;
      // Somebody killed it; where there is no shell at all, `spawn` failed and nothing can be done.
      if (shell.pid !== undefined && this.#groups.size > 0) this.#restart();
    };
    shell.on("error", forget);
    shell.on("exit", forget);
    shell.stdin?.on("error", () => {});
    shell.unref();
    const { stdin } = shell;
    if (stdin !== null && "unref" in stdin && typeof stdin.unref === "function") stdin.unref();
  }

  add(group: number): void {
    this.#groups.add(group);
    this.prepare();
    this.#shell?.stdin?.write(`+ ${group}\n`);
  }

  remove(group: number): void {
    if (!this.#groups.delete(group)) return;
    const shell = this.#shell;
    shell?.stdin?.write(`- ${group}\n`);
    if (this.#groups.size > 0) return;
    this.#shell = undefined;
    shell?.stdin?.end();
  }

  #restart(): void {
    for (const group of this.#groups) this.add(group);
  }
}

/** One for this process, shared by all clients. */
export const reaper: Reaper = new Reaper();
