// Writes the built chaos server, with all it imports, into one file each for its module and its program: a process of
// it then starts in half the time. The tests of the other packages use it (vitest.config.ts); it is never published.
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const home = fileURLToPath(new URL("../packages/chaos/", import.meta.url));

await build({
  root: home,
  configFile: false,
  logLevel: "error",
  ssr: { noExternal: true, target: "node" },
  build: {
    ssr: true,
    target: "node20",
    // `dist` beside a manifest, as in the package: the program finds itself and its version by relative paths.
    outDir: "bundle/dist",
    minify: true,
    rollupOptions: {
      input: { index: join(home, "dist", "index.js"), cli: join(home, "dist", "cli.js") },
      external: [/^node:/],
      output: { chunkFileNames: "[name].js" },
    },
  },
});
mkdirSync(join(home, "bundle"), { recursive: true });
copyFileSync(join(home, "package.json"), join(home, "bundle", "package.json"));
