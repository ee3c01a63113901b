/** What a program needs of its user's environment to run at all, and nothing that is likely to be a secret. */
const inherited = {
  posix: ["HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"],
  windows: [
    ...["APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATH", "PROCESSOR_ARCHITECTURE", "PROGRAMFILES"],
    ...["SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE"],
  ],
} as const;

/** The variables that a server gets beside its own: those that the client of SDK v1 gives it. */
export function defaultEnvironment(isWindows: boolean): Record<string, string> {
  const names = isWindows ? inherited.windows : inherited.posix;
  const entries = names.flatMap((name) => {
    const value = process.env[name];
    // A function that a shell has exported is code.
    return value === undefined || value.startsWith("()") ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}
