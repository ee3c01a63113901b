// Runs the gateway's own command as a child of the demo, until the end of standard input, which is the end of the demo
// however that came about.
process.stdin.resume().on("end", () => process.exit(0));
await import(new URL("../../../packages/gateway/dist/cli.js", import.meta.url).href);
