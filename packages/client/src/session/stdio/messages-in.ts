/** A line that is no message as a whole is searched for messages up to so many characters. */
const maxMixed = 262_144;
/** And from so many places. */
const maxStarts = 64;
/** Of which so many may lead to the end of the line in vain. */
const maxUnclosed = 2;
/** Where a message can begin: at an object that has a member, or at a batch of such. */
const beginning = /(?:\[\s*)?\{\s*"/g;
const [quote, backslash, openList, closeList, openObject, closeObject] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/**
 * What a line of a server's stdout says: the message from where the first can begin, or the messages that stand between words, colour
 * codes and each other. Empty where there is none.
 */
export function messagesIn(line: string): readonly unknown[] {
  const start = startFrom(line, 0);
  if (start === -1) return [];
  const whole = parsed(start === 0 ? line : line.slice(start));
  if (whole !== undefined) return [whole];
  const found: unknown[] = [];
  if (line.length > maxMixed) return found;
  let unclosed = 0;
  for (let at = start, starts = 0; at !== -1 && starts < maxStarts && unclosed < maxUnclosed; starts++) {
    const end = endOf(line, at);
    if (end === undefined) unclosed += 1;
    const message = end === undefined ? undefined : parsed(line.slice(at, end));
    if (message !== undefined) found.push(message);
    at = startFrom(line, end ?? line.indexOf("{", at) + 1);
  }
  return found;
}

/** Where a message can begin from `from` on; -1 where there is none. */
function startFrom(line: string, from: number): number {
  beginning.lastIndex = from;
  return beginning.exec(line)?.index ?? -1;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Behind the bracket that closes the one at `start`; undefined where nothing does. */
function endOf(line: string, start: number): number | undefined {
  let depth = 0;
  let isText = false;
  for (let at = start; at < line.length; at++) {
    const one = line.charCodeAt(at);
    if (isText) {
      if (one === backslash) at += 1;
      else if (one === quote) isText = false;
    } else if (one === quote) isText = true;
    else if (one === openObject || one === openList) depth += 1;
    else if (one === closeObject || one === closeList) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}
