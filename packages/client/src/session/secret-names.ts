const secretWords = new Set(
  "key keys apikey token tokens secret secrets password passwd passphrase pass pwd auth authorization credential credentials cookie bearer signature sig private jwt pat pin otp session assertion".split(
    " ",
  ),
);
/** With these a word like "tokens" counts something. */
const countWords = new Set(
  "max min limit count size ttl timeout budget length window expiry public file path dir no".split(" "),
);
const knownTokens =
  /^(?:sk|pk|rk|gh[oprsu]|github_pat|glpat|npm|xox[a-z]|hf|pypi|AKIA|AIza|eyJ)[-_A-Za-z0-9]?[-_.A-Za-z0-9]{8,}/;
const shortestPathToken = 12;

/** Whether what goes by this name is a secret: `GITHUB_TOKEN`, `apiKey`, `--client-secret`. */
export function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  return words.some((word) => secretWords.has(word)) && !words.some((word) => countWords.has(word));
}

/** Whether a word is a token by its looks. */
export function isKnownToken(word: string): boolean {
  return knownTokens.test(word);
}

/** Whether a part of a path, decoded, was made by a machine: long, and of letters and digits, or of letters of both cases mixed. */
export function isPathToken(part: string): boolean {
  if (part.length < shortestPathToken) return isKnownToken(part);
  // The alphabets of base64 and base64url, and what else stands in tokens.
  if (!/^[-_.~=+/A-Za-z0-9]+$/.test(part)) return false;
  const hasDigit = /\d/.test(part);
  const hasLetter = /[A-Za-z]/.test(part);
  const isMixed = /[a-z][A-Z]|[A-Z]{2}[a-z]/.test(part) && part.length >= 20;
  return (hasDigit && (hasLetter || part.length >= 20)) || isMixed;
}
