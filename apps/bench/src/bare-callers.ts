import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import type { Caller } from "./callers.js";

// What is physically possible: the least that a program can do to call a tool, without a protocol, a deadline or an error. They
// work with the lean server alone, which wants no handshake.

interface Answer {
  readonly id: number;
  readonly result: unknown;
}

function requestOf(id: number, method: string, params: object): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method, params });
}

const call = { name: "echo", arguments: { text: "hello" } };

/** A pipe with a line of JSON for each message. */
export function barePipe({ command, args }: { readonly command: string; readonly args: readonly string[] }): Caller {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = new Map<number, (result: unknown) => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { id, result }: Answer = JSON.parse(line);
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  let lastId = 0;
  const send = (method: string, params: object): Promise<unknown> =>
    new Promise((resolve) => {
      lastId += 1;
      waiting.set(lastId, resolve);
      child.stdin.write(`${requestOf(lastId, method, params)}\n`);
    });
  return {
    call: () => send("tools/call", call),
    list: () => send("tools/list", {}),
    async close() {
      child.stdin.end();
      await once(child, "exit");
    },
  };
}

/** An agent of `node:http` with as many sockets as ours has at first. */
export function bareAgent(url: string): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  let lastId = 0;
  const send = (method: string, params: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      lastId += 1;
      const sent = request(url, { method: "POST", agent, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => {
          const { result }: Answer = JSON.parse(text.startsWith("{") ? text : text.slice(text.indexOf("{")));
          resolve(result);
        });
      });
      sent.on("error", reject);
      sent.end(requestOf(lastId, method, params));
    });
  return {
    call: () => send("tools/call", call),
    list: () => send("tools/list", {}),
    async close() {
      agent.destroy();
    },
  };
}
