import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

export interface Bundle extends AsyncDisposable {
  readonly file: string;
  readonly imports: readonly string[];
}

/** The package as one plain module on disk, for other processes to load. */
export async function bundle(): Promise<Bundle> {
  const outDir = await mkdtemp(join(tmpdir(), "pool-"));
  const imports: string[] = [];
  await build({
    configFile: false,
    logLevel: "silent",
    build: {
      outDir,
      minify: false,
      lib: {
        entry: fileURLToPath(new URL("../src/index.ts", import.meta.url)),
        formats: ["es"],
        fileName: () => "pool.mjs",
      },
      rolldownOptions: {
        external: (id) => {
          const foreign = !id.startsWith(".") && !id.startsWith("/");
          if (foreign) imports.push(id);
          return foreign;
        },
      },
    },
  });
  return { file: join(outDir, "pool.mjs"), imports, [Symbol.asyncDispose]: () => rm(outDir, { recursive: true }) };
}
