import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** How a program is started. */
export interface SystemCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The arguments are quoted already. */
  readonly isVerbatim: boolean;
}

const batchFile = /\.(?:cmd|bat)$/i;
const meta = /[()\][%!^"`<>&|;, *?]/g;

/**
 * How Windows starts a command: `npx` and what else is a `.cmd` or `.bat` file can only be run by `cmd.exe`, with every
 * argument quoted for it; anything else is started as it is.
 */
export function windowsCommand(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  exists: (path: string) => boolean = existsSync,
): SystemCommand {
  const file = batchFile.test(command) ? command : resolved(command, env, exists);
  if (file === undefined || !batchFile.test(file)) return { command, args, isVerbatim: false };
  const line = [command.replace(meta, "^$&"), ...args.map(quoted)].join(" ");
  const shell = env.comspec ?? env.ComSpec ?? env.COMSPEC ?? "cmd.exe";
  return { command: shell, args: ["/d", "/s", "/c", `"${line}"`], isVerbatim: true };
}

/**
 * For a program's own reading of its command line, and then for that of `cmd.exe`, which takes a caret for an escape. It reads
 * what it hands to a batch file once more: there a quotation mark inside an argument would end the quoting, so that such an
 * argument is escaped twice.
 */
function quoted(arg: string): string {
  const plain = arg.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\*)$/, "$1$1");
  const once = `"${plain}"`.replace(meta, "^$&");
  return arg.includes('"') ? once.replace(meta, "^$&") : once;
}

/** The file that a name without an extension leads to. */
function resolved(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  exists: (path: string) => boolean,
): string | undefined {
  if (/\.[a-z0-9]+$/i.test(command)) return undefined;
  const folders = /[\\/]/.test(command) ? [""] : (env.PATH ?? env.Path ?? "").split(delimiter);
  const endings = (env.PATHEXT ?? ".COM;.EXE;.BAT;.CMD").split(";");
  for (const folder of folders)
    for (const ending of endings) {
      const file = join(folder, `${command}${ending.toLowerCase()}`);
      if (exists(file)) return file;
    }
  return undefined;
}
