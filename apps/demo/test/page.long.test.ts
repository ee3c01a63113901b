import { inBrowser, patience, Reader } from "./browser.js";
import { replicasLoseNothing } from "./replicas-scene.js";
import { type Demo, startDemo } from "./support.js";

/** A test of the page of a demo of its own. */
function onPage(name: string, run: (reader: Reader, demo: Demo) => Promise<void>): void {
  inBrowser(
    name,
    async () => {
      const demo = startDemo("--port", "0");
      const reader = await Reader.open(() => demo.url);
      try {
        if (reader === undefined) throw new Error("There is no Chromium");
        await run(reader, demo);
      } finally {
        await reader?.close();
        demo.child.kill("SIGTERM");
        await demo.exited;
      }
    },
    200_000,
  );
}

onPage("latencies are those of answered calls: a server that refuses has none after ten seconds", async (reader) => {
  await reader.page.waitForSelector(reader.cardOf("everything-http"), { timeout: patience });
  await reader.shows("everything-http", /● healthy/);
  await reader.press("everything-http", "Kill");
  await reader.reads("#events", /everything-http was killed/);
  await reader.shows("everything-http", /Minion 0 [1-9]\d* – –/);
  await reader.press("everything-http", "Restore");
  await reader.shows("everything-http", /● healthy/);
  await reader.shows("everything-http", /Minion [1-9]\d* 0 [\d.]+ [mµ]?s/);
});

onPage(
  "G2: either replica of the gateway is killed under load, one after the other, and no call is lost",
  (reader, demo) => replicasLoseNothing(demo, reader, 2),
);
