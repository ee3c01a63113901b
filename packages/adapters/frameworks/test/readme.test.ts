import { mkdir, writeFile } from "node:fs/promises";
import { AIMessage } from "@langchain/core/messages";
import { fakeModel } from "@langchain/core/testing";
import type { MinionClient } from "@minion/client";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { setTracingDisabled } from "@openai/agents";
import { expect, test } from "vitest";
import { aiSdkModel } from "../support/ai-sdk-loop.js";
import { anthropicModel } from "../support/anthropic-loop.js";
import { openAiModel } from "../support/openai-loop.js";
import { readme } from "../support/readme.js";
import { chaosAndMinion, count } from "../support/servers.js";

const use = { name: "mcp_chaos_echo", args: { text: "hello" } };
const models: Readonly<Record<string, () => unknown>> = {
  "ai-sdk": () => aiSdkModel(use),
  "openai-agents": () => openAiModel(use).model,
  langchain: () =>
    fakeModel()
      .respondWithTools([{ ...use, id: "call-1" }])
      .respond(new AIMessage("done")),
  anthropic: () => anthropicModel(use).anthropic,
};

/** The module that the README shows for an entry. */
async function example(entry: string): Promise<Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>> {
  const blocks = [...(await readme()).matchAll(/^```(ts|js) no-run\n([\s\S]*?)^```$/gm)];
  const [, language = "", code = ""] =
    blocks.find(([text]) => text.includes(`"@minion/adapters/${entry}"`)) ?? expect.fail(`no example for ${entry}`);
  const folder = new URL("../reports/", import.meta.url);
  await mkdir(folder, { recursive: true });
  const file = new URL(`readme-${entry}.${language}`, folder);
  await writeFile(file, code);
  return import(/* @vite-ignore */ file.pathname);
}

for (const [entry, model] of Object.entries(models))
  test(`the README's example for ${entry} runs as written`, async () => {
    setTracingDisabled(true);
    const { server, client } = await chaosAndMinion();
    const { answer } = await example(entry);
    expect(await answer?.(client satisfies MinionClient, model(), "go", "mock")).toBe("done");
    expect(count(server, "request", "echo")).toBe(1);
  });

test("the README's example for transport runs as written", async () => {
  const { client } = await chaosAndMinion();
  const { connect } = await example("transport");
  const other = (await connect?.(client, "chaos")) as Client;
  expect((await other.callTool({ name: "echo", arguments: { text: "a" } })).content).toEqual([
    { type: "text", text: "a" },
  ]);
  await other.close();
});
