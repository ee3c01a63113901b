import { inBrowser, patience, Reader } from "./browser.js";
import { startDemo } from "./support.js";

inBrowser(
  "latencies are those of answered calls: a server that refuses has none after ten seconds",
  async () => {
    const demo = startDemo("--port", "0");
    const reader = await Reader.open(() => demo.url);
    try {
      if (reader === undefined) throw new Error("There is no Chromium");
      await reader.page.waitForSelector(reader.cardOf("everything-http"), { timeout: patience });
      await reader.shows("everything-http", /● healthy/);
      await reader.press("everything-http", "Kill");
      await reader.reads("#events", /everything-http was killed/);
      await reader.shows("everything-http", /Minion 0 [1-9]\d* – –/);
      await reader.press("everything-http", "Restore");
      await reader.shows("everything-http", /● healthy/);
      await reader.shows("everything-http", /Minion [1-9]\d* 0 [\d.]+ [mµ]?s/);
    } finally {
      await reader?.close();
      demo.child.kill("SIGTERM");
      await demo.exited;
    }
  },
  200_000,
);
