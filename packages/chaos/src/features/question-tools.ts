import { z } from "zod";
import { type ChaosTool, defineTool, type Question, text } from "./tool.js";

const requestedSchema = { type: "object", properties: { answer: { type: "string" } } };
const kinds = ["elicitation", "url", "sampling", "roots"] as const;

/** Tools that ask the client: over requests of the server in the legacy era, over `input_required` in the modern one. */
export const questionTools: readonly ChaosTool[] = [
  defineTool("elicit", {
    description: "Asks the client's user.",
    input: z.object({ message: z.string() }),
    run: async ({ message }, { ask }) => text(JSON.stringify((await ask({ answer: form(message) })).answer)),
  }),
  defineTool("sample", {
    description: "Asks the client's model.",
    input: z.object({ prompt: z.string() }),
    run: async ({ prompt }, { ask }) => text(JSON.stringify((await ask({ answer: sampling(prompt) })).answer)),
  }),
  defineTool("roots", {
    description: "Asks for the client's roots.",
    input: z.object({}),
    run: async (_args, { ask }) => text(JSON.stringify((await ask({ answer: { method: "roots/list" } })).answer)),
  }),
  defineTool("ask", {
    description: "Asks the client in several rounds, all questions of a round at once; without kinds by a state only.",
    input: z.object({ kinds: z.array(z.enum(kinds)), rounds: z.int().min(1).max(1_000_000).optional() }),
    run: async ({ kinds: asked, rounds = 1 }, { ask }) => {
      const answers: unknown[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        const questions = asked.map(
          (kind, index) => [`round${round}-${index}-${kind}`, question(kind, round)] as const,
        );
        answers.push(await ask(Object.fromEntries(questions)));
      }
      return text(JSON.stringify(answers));
    },
  }),
];

function question(kind: (typeof kinds)[number], round: number): Question {
  switch (kind) {
    case "elicitation":
      return form(`Question of round ${round}?`);
    case "url":
      return {
        method: "elicitation/create",
        params: {
          mode: "url",
          message: `Visit of round ${round}?`,
          url: "https://example.com/consent",
          elicitationId: `round${round}`,
        },
      };
    case "sampling":
      return sampling(`Prompt of round ${round}`);
    case "roots":
      return { method: "roots/list" };
  }
}

function form(message: string): Question {
  return { method: "elicitation/create", params: { mode: "form", message, requestedSchema } };
}

function sampling(prompt: string): Question {
  const messages = [{ role: "user", content: { type: "text", text: prompt } }];
  return { method: "sampling/createMessage", params: { messages, maxTokens: 100 } };
}
