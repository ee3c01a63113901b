/** Sees to it that nobody reading the log, or a full disk under it, ends the process. To be called once, at the start. */
export function keepLogHarmless(): void {
  process.stderr.on("error", () => {});
}

/** Writes to the log, which is stderr. What cannot be written is lost: no call may end by it. */
export function log(text: string): void {
  try {
    process.stderr.write(text);
  } catch {}
}
