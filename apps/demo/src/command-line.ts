import { type Arguments, parseArguments, usage } from "./arguments.js";

/** The command line as options; tells the user and ends the process where it asks for help (0) or makes no sense (2). */
export function commandLine(): Arguments {
  try {
    const options = parseArguments(process.argv.slice(2));
    if (options.help) {
      process.stdout.write(usage);
      process.exit(0);
    }
    return options;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exit(2);
  }
}
