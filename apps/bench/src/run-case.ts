// The child's side: runs one case and tells its parent what was found.

import { groups } from "./arguments.js";
import { fullEffort, quickEffort } from "./bench-case.js";
import { loadCases } from "./cases.js";
import type { CaseMessage } from "./run-cases.js";

const [groupName, id = "", effort] = process.argv.slice(2);

function tell(message: CaseMessage): void {
  process.send?.(message, () => process.exit(0));
}

try {
  const group = groups.find((known) => known === groupName);
  const run = group === undefined ? undefined : (await loadCases(group))[id];
  if (run === undefined) throw new Error(`there is no case ${id}`);
  tell({ findings: await run(effort === "quick" ? quickEffort : fullEffort) });
} catch (error) {
  tell({ failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
}
