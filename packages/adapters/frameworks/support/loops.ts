import { aiSdkLoop } from "./ai-sdk-loop.js";
import { anthropicLoop } from "./anthropic-loop.js";
import { langChainLoop } from "./langchain-loop.js";
import type { Loop } from "./loop.js";
import { openAiLoop } from "./openai-loop.js";

/** Every framework that has an adapter. */
export const loops: readonly Loop[] = [aiSdkLoop, openAiLoop, langChainLoop, anthropicLoop];
