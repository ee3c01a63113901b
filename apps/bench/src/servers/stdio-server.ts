// A lean server on stdin and stdout: `node stdio-server.js [TOOLS] [legacy|modern]`.
import { answerOf } from "./lean-server.js";

const tools = Number(process.argv[2] ?? 10);
const answer = answerOf(process.argv[3]);
let rest = "";
process.stdin.setEncoding("utf8").on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  let answers = "";
  for (const line of lines) {
    const text = line.trim() === "" ? undefined : answer(line, tools);
    if (text !== undefined) answers += `${text}\n`;
  }
  if (answers !== "") process.stdout.write(answers);
});
