import { applyFaults, startFaults } from "./fault-rules.js";
import type { FaultSettings, Faults } from "./faults.js";
import type { Journal } from "./journal.js";
import type { JsonObject } from "./json.js";
import { show } from "./show.js";

/** What can be ordered at run time, through the control endpoint and the tool `chaos`; what is given is done in this order. */
export interface ControlRequest {
  /** Goes back to the faults the server was started with. */
  readonly reset?: boolean | undefined;
  /** Sets some faults; null switches one off. */
  readonly set?: { readonly [K in keyof Faults]?: Faults[K] | null | undefined } | undefined;
  /** Does something once. */
  readonly action?: ControlAction | undefined;
  /** `listChanged`, `resourceUpdated`: how many notifications, 1 by default. */
  readonly count?: number | undefined;
  /** `listChanged`: which list, "tools" by default. */
  readonly list?: ListName | undefined;
  /** `resourceUpdated`: the resource, "chaos://resource/0" by default. */
  readonly uri?: string | undefined;
  /** `freeze`: for how many milliseconds, 1 000 by default. */
  readonly ms?: number | undefined;
  /** `exit`: the exit code, 1 by default. */
  readonly code?: number | undefined;
}

const actions = [
  "forgetSessions",
  "dropConnections",
  "dropStreams",
  "cutStreams",
  "listChanged",
  "resourceUpdated",
  "freeze",
  "exit",
] as const;
const lists = ["tools", "resources", "prompts"] as const;

/** One thing to do now. */
export type ControlAction = (typeof actions)[number];

/** A list that may change. */
export type ListName = (typeof lists)[number];

/** What differs between a server in a process of its own and one in the process of a test, and between transports. */
export interface Host {
  /** Whether the process is the server's own, to be ended, flooded and kept busy. */
  readonly ownsProcess: boolean;
  /** Ends the process, or does what comes closest. */
  crash(code: number): void;
  /** Computes forever, where the process is the server's own. */
  spin(): void;
  forgetSessions(): void;
  dropConnections(): void;
  dropStreams(): void;
  /** Ends the standing streams without a word. */
  cutStreams(): void;
  /** Tells everybody who hears of it so many times that a list has changed. */
  listChanged(count: number, list: ListName): void;
  /** Tells everybody who has subscribed to a resource so many times that it was updated. */
  resourceUpdated(uri: string, count: number): void;
  /** Writes to every client that reads what it did not ask for: a message, or undefined for noise. */
  inject(message: JsonObject | undefined): void;
}

/** What a transport contributes to the host. */
export type EndpointHost = Omit<Host, "ownsProcess" | "crash" | "spin">;

/** The host that consists of a transport and of what concerns the process. */
export function hostOf(endpoint: EndpointHost, own: Pick<Host, "ownsProcess" | "crash" | "spin">): Host {
  return {
    ...own,
    forgetSessions: () => endpoint.forgetSessions(),
    dropConnections: () => endpoint.dropConnections(),
    dropStreams: () => endpoint.dropStreams(),
    cutStreams: () => endpoint.cutStreams(),
    listChanged: (count, list) => endpoint.listChanged(count, list),
    resourceUpdated: (uri, count) => endpoint.resourceUpdated(uri, count),
    inject: (message) => endpoint.inject(message),
  };
}

/** What every part of one server shares: the faults in force, the journal, and the way to the host. */
export class FaultController {
  readonly owner: string;
  readonly journal: Journal;
  readonly #atStart: Faults;
  readonly #listeners = new Set<() => void>();
  #faults: Faults;
  #host: Host | undefined;
  #calls = 0;

  constructor(options: {
    readonly owner: string;
    readonly journal: Journal;
    readonly faults: FaultSettings | undefined;
  }) {
    this.owner = options.owner;
    this.journal = options.journal;
    this.#atStart = startFaults(options.faults, options.owner);
    this.#faults = this.#atStart;
  }

  get faults(): Faults {
    return this.#faults;
  }

  get host(): Host {
    if (this.#host === undefined) throw new Error("bug: no host yet");
    return this.#host;
  }

  setHost(host: Host): void {
    this.#host = host;
  }

  /** Called after every change of the faults and after every message, in any order. */
  onActivity(listener: () => void): void {
    this.#listeners.add(listener);
  }

  touch(): void {
    for (const listener of this.#listeners) listener();
  }

  set(settings: unknown): void {
    this.#faults = applyFaults(this.#faults, settings, this.owner);
    this.touch();
  }

  reset(): void {
    this.#faults = this.#atStart;
    this.touch();
  }

  /** Journals that a fault has struck. */
  struck(fault: keyof Faults, detail: string): void {
    this.journal.write({ event: "fault", fault, detail });
  }

  /** Counts a `tools/call`; true when it is one that must crash the server. */
  crashesThisCall(): boolean {
    this.#calls += 1;
    return this.#calls % this.#faults.flapCalls === 0;
  }

  /**
   * Obeys a {@link ControlRequest} that came from outside.
   *
   * @throws TypeError | RangeError, with nothing done, when it is malformed
   */
  obey(request: unknown): void {
    this.prepare(request).run();
  }

  /** Checks a request like {@link obey}, and leaves it to the caller to run it: after its answer, where it ends the server. */
  prepare(request: unknown): { readonly endsServer: boolean; readonly run: () => void } {
    const order = parseOrder(request, this.owner);
    if (order.set !== undefined) applyFaults(this.#faults, order.set, this.owner);
    const run = (): void => {
      if (order.reset === true) this.reset();
      if (order.set !== undefined) this.set(order.set);
      if (order.action === "listChanged") this.host.listChanged(order.count ?? 1, order.list ?? "tools");
      else if (order.action === "resourceUpdated")
        this.host.resourceUpdated(order.uri ?? "chaos://resource/0", order.count ?? 1);
      else if (order.action === "freeze") freeze(order.ms ?? 1_000);
      else if (order.action === "exit") this.host.crash(order.code ?? 1);
      else if (order.action !== undefined) this.host[order.action]();
    };
    return { endsServer: order.action === "exit", run };
  }
}

/** Blocks the event loop of this process. */
export function freeze(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

function parseOrder(request: unknown, owner: string): ControlRequest {
  if (typeof request !== "object" || request === null || Array.isArray(request)) {
    throw new TypeError(`${owner}: a control request must be an object, got ${show(request)}`);
  }
  let order: ControlRequest = {};
  for (const [name, value] of Object.entries(request)) order = { ...order, ...parseMember(name, value, owner) };
  if (Object.keys(order).length === 0) throw new TypeError(`${owner}: a control request needs set, reset or action`);
  return order;
}

function parseMember(name: string, value: unknown, owner: string): ControlRequest {
  const wrong = (rule: string): TypeError => new TypeError(`${owner}: ${name} must be ${rule}, got ${show(value)}`);
  if (value === undefined || value === null) return {};
  switch (name) {
    case "reset":
      if (typeof value !== "boolean") throw wrong("true or false");
      return { reset: value };
    case "set":
      if (typeof value !== "object") throw wrong("an object of faults");
      return { set: value };
    case "action": {
      const action = actions.find((one) => one === value);
      if (action === undefined) throw wrong(`one of ${actions.join(", ")}`);
      return { action };
    }
    case "list": {
      const list = lists.find((one) => one === value);
      if (list === undefined) throw wrong(`one of ${lists.join(", ")}`);
      return { list };
    }
    case "uri":
      if (typeof value !== "string") throw wrong("a string");
      return { uri: value };
    case "count":
    case "ms":
    case "code":
      if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
        throw wrong("a whole number from 0 up");
      return { [name]: value };
    default:
      throw new TypeError(`${owner}: a control request has no member "${name}"`);
  }
}
