import { defineConfig } from "vite";

/** Builds the page of the demo into `dist/web`, from where the demo serves it. */
export default defineConfig({
  root: "web",
  build: { outDir: "../dist/web", emptyOutDir: true, target: "es2022" },
});
