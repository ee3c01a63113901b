import fc from "fast-check";
import { expect, test } from "vitest";
import { Secrets } from "../../src/session/redact.js";

/** As values of real configurations are: of some length, of any characters. */
const secret = fc
  .oneof(
    fc.base64String({ minLength: 12, maxLength: 60 }),
    fc.stringMatching(/^[A-Za-z0-9+/=_.!'()*&<>"-]{8,40}$/),
    fc.string({ unit: "grapheme", minLength: 8, maxLength: 30 }),
    fc.uuid(),
  )
  .filter((value) => value.trim().length >= 8 && !/^[~./]|:/.test(value) && value.trim() === value);

const percent = (text: string): string => {
  try {
    return encodeURIComponent(text);
  } catch {
    return text;
  }
};
const spellings: Readonly<Record<string, (value: string) => string>> = {
  "as it is": (value) => value,
  trimmed: (value) => value.trim(),
  "percent-encoded": percent,
  "percent-encoded in lower case": (value) => percent(value).replace(/%../g, (code) => code.toLowerCase()),
  "as in a form": (value) => percent(value).replaceAll("%20", "+"),
  "JSON-escaped": (value) => JSON.stringify(value).slice(1, -1),
  "JSON-escaped twice": (value) => JSON.stringify(JSON.stringify(value).slice(1, -1)).slice(1, -1),
  base64: (value) => Buffer.from(value).toString("base64"),
  base64url: (value) => Buffer.from(value).toString("base64url"),
  hex: (value) => Buffer.from(value).toString("hex"),
  HEX: (value) => Buffer.from(value).toString("hex").toUpperCase(),
};
const around = fc.constantFrom("", " ", "key=", '"', "\n", "(", "Bearer ", "x-");

test.each(Object.entries(spellings))("M16: a secret is found %s, wherever it stands", (_, spell) => {
  fc.assert(
    fc.property(secret, around, around, (value, before, after) => {
      const secrets = new Secrets();
      secrets.add(value, "API_KEY");
      const said = spell(value);
      expect(secrets.mask(`${before}${said}${after}`)).not.toContain(said);
      expect(JSON.stringify(secrets.maskJson({ [said]: [said] }))).not.toContain(JSON.stringify(said).slice(1, -1));
    }),
  );
});

test("M16: of a secret that was cut nothing of four characters or more is left, where the cut can be seen", () => {
  fc.assert(
    fc.property(secret, fc.nat(), fc.constantFrom("", "...", "…", " ", '"', "***", "\n"), (value, at, end) => {
      const secrets = new Secrets();
      secrets.add(value, "API_KEY");
      const cut = value.slice(0, 4 + (at % (value.length - 4)));
      expect(secrets.mask(`invalid key ${cut}${end}`)).not.toContain(cut);
    }),
    // Eight characters, as many as count whatever comes behind them.
    { examples: [["<!a*a<_+", 0, "\n"]] },
  );
});

test("M16: of a secret eight characters are found whatever comes behind them, in the base64 of a header too", () => {
  const secrets = new Secrets();
  secrets.add("Zq81-opaque-value-of-a-token", "TOKEN");
  expect(secrets.mask("Zq81-opaque")).toBe("***");
  expect(secrets.mask("Zq81-opaxyz")).toBe("***xyz");
  const inside = Buffer.from("bob:Zq81-opaque-value-of-a-token").toString("base64");
  expect(secrets.mask(inside)).toMatch(/^\S{1,7}\*\*\*\S{0,4}$/);
});

test("M16: what is no secret stays readable", () => {
  const secrets = new Secrets();
  secrets.addEnv({
    NODE_ENV: "production",
    DEBUG: "true",
    HOME_DIR: "/home/ann/data",
    PORT: "80",
    URL: "https://api.example.com/v1",
  });
  secrets.addArgs(["-y", "server.js", "--port", "8080", "--max-tokens", "500", "--root", "/srv/files"]);
  secrets.addHeaders({ Authorization: "Bearer abcdefgh12345678" });
  const text =
    "production server.js on port 8080 with 500 tokens failed: https://other.example.com, /home/bob, Bearer error";
  expect(secrets.mask(text)).toBe(text);
});

test("M16: arguments that look like secrets are, and short values only where their name says so", () => {
  const secrets = new Secrets();
  secrets.addArgs([
    "--api-key=abc123def",
    "--token",
    "tok-1",
    "-e",
    "GITHUB_TOKEN=gh-word-9",
    "--header",
    "Authorization: Bearer qqwweerr",
    "ghp_0123456789abcdef",
    "https://host/sse?key=in-the-url",
  ]);
  secrets.addEnv({ PIN: "42", LEVEL: "9", PASSWORD: "production" });
  expect(
    secrets.mask("abc123def tok-1 gh-word-9 qqwweerr ghp_0123456789abcdef in-the-url pin 42, 420, 9 production"),
  ).toBe("*** *** *** *** *** *** pin ***, 420, 9 ***");
});

test("M16: a text that is nothing but beginnings of secrets costs linear time", () => {
  const secrets = new Secrets();
  for (let index = 0; index < 500; index++) secrets.addChanging(`${"ab".repeat(40)}${index}`);
  const begin = process.cpuUsage();
  secrets.mask("ab".repeat(5_000));
  secrets.mask(`${"ab".repeat(3)}?`.repeat(1_250));
  // A quarter of this where nobody else computes; a machine that is busy takes several times as long.
  expect(process.cpuUsage(begin).user / 1_000).toBeLessThan(2_000);
});
