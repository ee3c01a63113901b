/** Each in every spelling of M16. */
export function spellings(words: readonly string[]): string[] {
  return words.flatMap((word) => [
    word,
    encodeURIComponent(word),
    encodeURIComponent(word).replace(/%../g, (code) => code.toLowerCase()),
    JSON.stringify(word).slice(1, -1),
    Buffer.from(word).toString("base64"),
    Buffer.from(word).toString("hex"),
    word.slice(0, 9),
  ]);
}
