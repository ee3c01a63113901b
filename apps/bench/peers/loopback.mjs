// Loaded before a gateway that listens on every address of the machine: here it listens on loopback alone.
import { Server } from "node:net";

const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
  if (typeof port === "object" || Number.isNaN(Number(port))) return listen.call(this, port, ...rest);
  const others = typeof rest[0] === "string" ? rest.slice(1) : rest;
  return listen.call(this, Number(port), "127.0.0.1", ...others);
};
