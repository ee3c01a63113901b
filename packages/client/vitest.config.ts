import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import shared from "../../vitest.config.js";

const folder = fileURLToPath(new URL(".", import.meta.url));

/**
 * What a file says that looks at all of its process: what holds it open, its memory, what descends from it. Such a file gets
 * a process of its own. The others take turns in a few, since to load the client and the SDK takes longer than most of
 * them last; timers, variables and methods that one of them replaces are themselves again before the next test.
 */
const ofTheProcess = /vi\.mock|ActiveResources|memoryUsage|application\.js|storm\.js/;

/** Of those that take turns these last longest and so begin first: the others fill the time beside them. */
const slowest = /fault-table|small-heap|real-servers|hostile-providers|session\/http\.|agree|deadline|announcements/;

/** A process is used again only where the next file in the line may use it: those that may not are first. */
class SlowestFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(specifications);
    const place = ({ project, moduleId }: TestSpecification): number =>
      project.name === "alone" ? 0 : slowest.test(moduleId) ? 1 : 2;
    return sorted.sort((one, other) => place(one) - place(other));
  }
}

/** The test files of a mode that need a process of their own. */
function alone(isLong: boolean): string[] {
  return readdirSync(join(folder, "test"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(isLong ? ".long.test.ts" : ".test.ts"))
    .map((file) => join("test", file))
    .filter((file) => ofTheProcess.test(readFileSync(join(folder, file), "utf8")));
}

export default defineConfig((environment) => {
  const { test: { include = [], exclude = [], ...test } = {}, ...base } = shared(environment);
  const isLong = environment.mode === "long";
  const own = alone(isLong);
  return {
    ...base,
    test: {
      ...test,
      // They wait for processes and for time limits more than they compute.
      maxWorkers: isLong ? 2 : 4,
      sequence: { sequencer: SlowestFirst },
      restoreMocks: true,
      unstubEnvs: true,
      projects: [
        { extends: true, test: { name: "alone", include: own, exclude } },
        { extends: true, test: { name: "together", include, exclude: [...exclude, ...own], isolate: false } },
      ],
    },
  } satisfies ViteUserConfig;
});
