import { nextTick } from "node:process";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { StdioServer } from "../../config/server-config.js";
import type { Delivery } from "../../errors.js";
import type { Exchange } from "../exchange.js";
import { type Exchanges, failedAnswer } from "../exchanges.js";
import { Failure } from "../failure.js";
import { ignore } from "../quietly.js";
import { isRequest } from "../turn-budget.js";
import type { Wire, WireEvents, WireOptions } from "../wire.js";
import { LineBuffer, SlicedInput } from "./line-input.js";
import { messagesIn } from "./messages-in.js";
import { ServerProcess } from "./server-process.js";
import { StderrTail } from "./stderr-tail.js";

/** What a server wrote before it ended may still be in the pipe, which a process it started may hold open. */
const drainMs = 100;
/** Who can say nothing any more mostly ends right then. */
const silentMs = 1_000;
/**
 * What is sent in the same turn goes out together, since a call to the system costs more than all the rest of a request;
 * but a few at a time, so that the server begins while the others are being made.
 */
const linesAtOnce = 4;
/**
 * Where so many answers wait for a server that does not read, nothing more of it is heard. With what is heard already and
 * with the handlers that are open then, at most 64 can wait.
 */
const maxAnswers = 4;
/** A server that reads nothing for so long is given up. */
const deafMs = 10_000;
const openingBrace = 0x7b;
const lineEnd = Buffer.from("\n");

interface Line {
  readonly line: string;
  readonly exchange: Exchange | undefined;
  readonly isAnswer: boolean;
}

/** Speaks with a server of ours over its stdin and stdout, one JSON message a line. */
export class StdioWire implements Wire {
  readonly #server: StdioServer;
  readonly #exchanges: Exchanges;
  readonly #maxMessageBytes: number;
  readonly #stderr: StderrTail;
  #process: ServerProcess | undefined;
  #events: WireEvents | undefined;
  #waiting: Line[] = [];
  #input: SlicedInput | undefined;
  /** Of what waits, the answers to the server. */
  #answersWaiting = 0;
  #deaf: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(options: WireOptions & { readonly server: StdioServer; readonly exchanges: Exchanges }) {
    const { server, secrets } = options;
    secrets.addEnv(server.env ?? {});
    secrets.addArgs(server.args ?? []);
    this.#server = server;
    this.#exchanges = options.exchanges;
    this.#maxMessageBytes = options.maxMessageBytes;
    this.#stderr = new StderrTail(secrets);
  }

  start(events: WireEvents): Promise<void> {
    this.#events = events;
    const process = new ServerProcess(this.#server);
    this.#process = process;
    if (!process.hasPipes) return process.started;
    const { stdin, stdout, stderr } = process.child;
    const lines = new LineBuffer(
      this.#maxMessageBytes,
      {
        line: (text) => this.#receive(text),
        tooLong: (head, tail) => this.#refuse(head, tail),
      },
      openingBrace,
    );
    this.#input = new SlicedInput(stdout, {
      take: (piece) => lines.push(piece),
      mayGoOn: () => this.#answersWaiting < maxAnswers,
    });
    stdout.once("end", () =>
      this.#endUnlessExited(process, { afterMs: silentMs, reason: "the server closed its output" }),
    );
    stderr.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
    stdin.on("error", () => this.#breakOff(process));
    for (const stream of [stdout, stderr]) stream.on("error", ignore);
    this.#watchExit(process, lines);
    return process.started;
  }

  send(message: JSONRPCMessage, exchange: Exchange | undefined): Promise<void> {
    if (this.#isOver || this.#process?.child.stdin.writable !== true) return Promise.reject(this.#closed("not-sent"));
    const line = `${JSON.stringify(message)}\n`;
    const isAnswer = !("method" in message);
    if (isAnswer) this.#answersWaiting += 1;
    const waiting = { line, exchange, isAnswer };
    this.#waiting.push(waiting);
    // A line that nobody awaits the answer of any more is not kept for a server that does not read.
    exchange?.onceOver(() => {
      const index = this.#waiting.indexOf(waiting);
      if (index >= 0) this.#waiting.splice(index, 1);
    });
    if (this.#waiting.length >= linesAtOnce) this.#flush();
    else if (this.#waiting.length === 1) nextTick(() => this.#flush());
    // From here on the request waits for nothing but the server, even if the pipe is full.
    exchange?.markStarted();
    return Promise.resolve();
  }

  close(withinMs: number, options: { readonly hasty: boolean }): Promise<void> {
    this.#flush();
    this.#isOver = true;
    clearTimeout(this.#deaf);
    return this.#process?.end(withinMs, options) ?? Promise.resolve();
  }

  /** What the server started outside its group has to be found before the server can end. */
  async ready(): Promise<void> {
    await this.#process?.remember();
  }

  stderrTail(): string {
    return this.#stderr.toString();
  }

  /** Not only `close`, which waits for everybody who holds the pipes. */
  #watchExit(process: ServerProcess, lines: LineBuffer): void {
    const { child } = process;
    let drain: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(drain);
      this.#input?.finish();
      // A last message need not have a line end behind it.
      lines.push(lineEnd);
      child.off("close", end);
      this.#end(child.exitCode, child.signalCode);
    };
    child.on("close", end);
    child.once("exit", () => {
      drain = setTimeout(end, drainMs);
    });
  }

  #flush(): void {
    const stdin = this.#process?.child.stdin;
    // What waits here until the pipe has taken what was written before is certain not to have been sent.
    if (stdin === undefined || stdin.writableLength > 0) {
      this.#watchDeafness();
      return;
    }
    clearTimeout(this.#deaf);
    this.#deaf = undefined;
    const lines = this.#waiting.filter(({ exchange }) => exchange?.isOver !== true);
    this.#waiting = [];
    this.#answersWaiting = 0;
    const last = lines.at(-1);
    if (last === undefined) return;
    for (const { exchange } of lines) exchange?.markSent();
    let isRefused = false;
    stdin.write(lines.map(({ line }) => line).join(""), (error) => {
      if (error) {
        // A write that fails at once has reached nobody. Of one that fails later, all but the last line may have been read.
        for (const { exchange } of isRefused ? lines : [last]) exchange?.markNotSent();
        for (const { exchange } of lines) exchange?.fail(this.#closed(exchange.delivery));
      } else if (this.#waiting.length > 0) this.#flush();
    });
    isRefused = stdin.errored instanceof Error;
  }

  /** A server that never takes the answers that it asked for is of no use. */
  #watchDeafness(): void {
    if (this.#answersWaiting === 0 || this.#deaf !== undefined) return;
    this.#deaf = setTimeout(() => this.#giveUp("the server does not read what it asked for"), deafMs);
    this.#deaf.unref();
  }

  #giveUp(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events?.onEnded(new Failure("closed", reason, { delivery: "sent" }));
  }

  /** The server takes nothing any more, though it may still run. */
  #breakOff(process: ServerProcess): void {
    for (const { exchange } of this.#waiting.splice(0)) exchange?.fail(this.#closed("not-sent"));
    // What the server wrote before it closed its input is still read, as after its exit.
    this.#endUnlessExited(process, { afterMs: drainMs, reason: "the server closed its input" });
  }

  /** Whatever it still does, it is of no use. An exit says more. */
  #endUnlessExited(
    { child }: ServerProcess,
    { afterMs, reason }: { readonly afterMs: number; readonly reason: string },
  ): void {
    if (this.#isOver) return;
    const waiting = setTimeout(() => {
      if (this.#isOver || child.exitCode !== null || child.signalCode !== null) return;
      this.#isOver = true;
      this.#events?.onEnded(new Failure("closed", reason, { delivery: "sent", stderrTail: this.stderrTail() }));
    }, afterMs);
    // The process itself holds the application as long as it runs.
    waiting.unref();
  }

  #end(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
    const details = { delivery: "sent", stderrTail: this.stderrTail() } as const;
    this.#events?.onEnded(new Failure("closed", `the server's process ended ${how}`, details));
  }

  #closed(delivery: Delivery): Failure {
    return new Failure("closed", "the server's process is gone", { delivery, endsConnection: true });
  }

  #receive(line: string): void {
    for (const message of wholeMessage(line) ?? messagesIn(line)) {
      this.#input?.countMessage(isRequest(message));
      this.#events?.onMessage(message);
    }
  }

  /** Whose answer it was stands at one end of the message, where only the message's own members can stand. */
  #refuse(head: string, tail: string): void {
    const last = /"id"\s*:\s*(\d+)\s*\}\s*$/.exec(tail)?.[1];
    const first = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+)\s*[,}]/.exec(head)?.[1];
    const id = last ?? first;
    const failure = new Failure("too-large", `a message of more than ${this.#maxMessageBytes} bytes`, {
      delivery: "sent",
    });
    const exchange = id === undefined ? undefined : this.#exchanges.get(Number(id));
    if (exchange !== undefined) {
      exchange.fail(failure);
      this.#events?.onMessage(failedAnswer(Number(id)));
      return;
    }
    if (this.#exchanges.size > 0 && mayBeAnswer(head)) this.#events?.onEnded(failure);
  }
}

/** Neither noise nor a notification. */
function mayBeAnswer(head: string): boolean {
  return /^\s*[[{]/.test(head) && !/^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"method"/.test(head);
}

/** What a line says that is one message from end to end, as nearly all are. */
function wholeMessage(line: string): readonly [unknown] | undefined {
  if (!line.startsWith('{"')) return undefined;
  try {
    return [JSON.parse(line)];
  } catch {
    return undefined;
  }
}
