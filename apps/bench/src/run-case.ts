// The child's side: runs one case and tells its parent what was found.
import { fullEffort, quickEffort } from "./bench-case.js";
import { benchCases } from "./cases.js";
import type { CaseMessage } from "./run-cases.js";

const [id, effort] = process.argv.slice(2);

function tell(message: CaseMessage): void {
  process.send?.(message, () => process.exit(0));
}

try {
  const found = benchCases.find((candidate) => candidate.id === id);
  if (found === undefined) throw new Error(`there is no case ${id}`);
  tell({ findings: await found.run(effort === "quick" ? quickEffort : fullEffort) });
} catch (error) {
  tell({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
