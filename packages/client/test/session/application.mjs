// An application that uses sessions, to be ended in every way there is. Arguments: the built module, JSON.
const events = [
  "exit",
  "beforeExit",
  "uncaughtException",
  "unhandledRejection",
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
];
// Node has one of its own, for this module's awaits.
const before = events.map((event) => process.listenerCount(event));
const [module, json] = process.argv.slice(2);
const { openConnection } = await import(module);
const { HttpSockets } = await import(module.replace("open-connection.js", "http/http-sockets.js"));
const { ServerMemory } = await import(module.replace("open-connection.js", "era/server-memory.js"));
const { targets, end } = JSON.parse(json);
const options = {
  server: "test",
  principal: undefined,
  connectTimeoutMs: 30_000,
  closeTimeoutMs: 4_000,
  maxMessageBytes: 67_108_864,
  protocol: "2025-11-25",
  clientInfo: { name: "test", version: "1.0.0" },
  capabilities: {},
  onNotification: () => {},
  onDied: () => {},
};
const pipes = () => process.getActiveResourcesInfo().filter((name) => name === "PipeWrap").length;
const ownPipes = pipes();
const connections = await Promise.all(
  targets.map((target) =>
    openConnection({
      ...options,
      target,
      sockets: new HttpSockets(),
      memory: new ServerMemory(),
      signal: new AbortController().signal,
    }),
  ),
);
const call = (connection) =>
  connection.send(
    { method: "tools/call", params: { name: "echo", arguments: { text: "hi" } } },
    { signal: new AbortController().signal },
  );
await Promise.all(connections.map(call));
console.log(
  JSON.stringify({ listeners: events.filter((event, index) => process.listenerCount(event) > before[index]) }),
);

if (end === "close") {
  await Promise.all(connections.map((connection) => connection.close()));
  // What was closed is gone a few turns later, and with it what its end might start.
  for (let turn = 0; turn < 50 || pipes() > ownPipes; turn++) await new Promise(setImmediate);
  console.log(
    JSON.stringify({
      resources: process.getActiveResourcesInfo().filter((name) => name !== "PipeWrap" && name !== "TTYWrap"),
    }),
  );
}
if (end === "heap") {
  // Needs --expose-gc.
  const heapAfter = async (calls) => {
    for (let done = 0; done < calls; done += 10)
      await Promise.all(Array.from({ length: 10 }, () => call(connections[0])));
    for (let turn = 0; turn < 5; turn++) {
      globalThis.gc();
      await new Promise(setImmediate);
    }
    return process.memoryUsage().heapUsed;
  };
  const before = await heapAfter(5_000);
  const after = await heapAfter(10_000);
  await connections[0].close();
  console.log(JSON.stringify({ grownBytes: after - before }));
}
if (end === "wait") process.stdin.on("data", () => console.log(JSON.stringify({ isAwake: true })));
if (end === "exit") process.exit(3);
if (end === "throw") {
  setImmediate(() => {
    throw new Error("the application crashed");
  });
}
