// Runs server-everything over streamable HTTP as a child of the demo: on loopback only, at the port given or a free one,
// which it tells on standard output, and until the end of standard input, which is the end of the demo however that came about.
import { createRequire } from "node:module";
import { Server } from "node:net";

const port = Number(process.argv[2] ?? 0);
const listen = Server.prototype.listen;
Server.prototype.listen = function listenOnLoopback(this: Server): Server {
  this.once("listening", () => {
    const address = this.address();
    if (address !== null && typeof address === "object") process.stdout.write(`\nport ${address.port}\n`);
  });
  return listen.call(this, { host: "127.0.0.1", port });
};

process.stdin.resume().on("end", () => process.exit(0));
process.argv[2] = "streamableHttp";
await import(createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js"));
