import { type McpSession, MinionClient, type ServerConfig } from "@minion/client";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { BenchCase, BenchCases } from "../bench-case.js";
import { type Caller, processorTime } from "../callers.js";
import { interleave } from "../interleave.js";
import { compare, type Samples } from "../row.js";
import { generatedTool } from "../servers/lean-server.js";

const fields = Object.fromEntries(
  Array.from({ length: 10 }, (_, field) => [`field_0_${field}`, field % 2 === 0 ? "text" : field]),
);
const result = { content: [{ type: "text", text: "hello" }], structuredContent: fields };

/** A session without a wire, whose server has one tool, with an output schema of ten members or without. */
function session(hasSchema: boolean): McpSession {
  const { outputSchema, ...plain } = generatedTool(0);
  const tools = [hasSchema ? { ...plain, outputSchema } : plain];
  return {
    request: async ({ method }: { readonly method: string }) => (method === "tools/list" ? { tools } : result),
    callTool: async () => result,
    listTools: async () => ({ tools }),
    close: async () => {},
    getServerCapabilities: () => ({ tools: {} }),
  };
}

/** A caller that knows the tool. */
async function caller(hasSchema: boolean, outputSchemas: "enforce" | "off"): Promise<Caller> {
  const config: ServerConfig = { connect: async () => session(hasSchema), outputSchemas };
  const client = new MinionClient({ servers: { bench: config } });
  await client.listTools("bench");
  return {
    call: () => client.callTool("bench", "generated_0", {}),
    list: () => client.listTools("bench"),
    close: () => client.close(),
  };
}

/** As one that checks by code that Ajv makes of the schema. */
async function withAjv(): Promise<Caller> {
  const unchecked = await caller(true, "off");
  const validate = new Ajv2020({ strict: false }).compile(generatedTool(0).outputSchema);
  return {
    ...unchecked,
    call: async () => {
      await unchecked.call();
      if (!validate(fields)) throw new Error("bug: it fits");
    },
  };
}

async function measure(callers: Readonly<Record<string, Caller>>, rounds: number, calls: number): Promise<Samples> {
  const contenders = Object.entries(callers).map(([name, one]) => ({ name, sample: () => processorTime(one, calls) }));
  const samples = await interleave(contenders, rounds, { collects: false });
  for (const one of Object.values(callers)) await one.close();
  return samples;
}

const schemas: BenchCase = async ({ rounds, quick }) => {
  const calls = quick ? 2_000 : 10_000;
  const checked = await measure(
    {
      minion: await caller(true, "enforce"),
      unchecked: await caller(true, "off"),
      "code made by Ajv": await withAjv(),
    },
    rounds,
    calls,
  );
  const none = await measure(
    { minion: await caller(false, "enforce"), unchecked: await caller(false, "off") },
    rounds,
    calls,
  );
  return {
    rows: [
      {
        ...compare({
          name: "processor time of a call of a tool with an output schema of 10 members",
          unit: "ns",
          samples: checked,
          against: { unchecked: { atMost: 1.2 }, "code made by Ajv": undefined },
        }),
        note: 'over a session that answers at once without a wire, so that the check weighs the most; unchecked: with `outputSchemas: "off"`',
      },
      {
        ...compare({
          name: "the same of a tool without one",
          unit: "ns",
          samples: none,
          against: { unchecked: { atMost: 1.05 } },
        }),
        note: "nothing is checked, and nothing is looked for",
      },
    ],
  };
};

export const clientSchemaCases: BenchCases = { "client-output-schemas": schemas };
