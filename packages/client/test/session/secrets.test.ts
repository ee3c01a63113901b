import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { Secrets } from "../../src/session/redact.js";
import { StderrTail } from "../../src/session/stdio/stderr-tail.js";
import { answerStatus, startRawServer } from "./raw-server.js";
import { chaosStdio, open, rejection, until } from "./support.js";

const timeout = 30_000;

function secretsOf(...values: string[]): Secrets {
  const secrets = new Secrets();
  for (const value of values) secrets.add(value);
  return secrets;
}

describe("masking", () => {
  test("M16: every value goes, in each form in which it may come back; the longest first", () => {
    const secrets = secretsOf("s3cret", "s3cret-and-more", 'quo"te', "a b&c/d");
    expect(secrets.mask("s3cret s3cret-and-more")).toBe("*** ***");
    expect(secrets.mask(JSON.stringify({ key: 'quo"te' }))).toBe('{"key":"***"}');
    expect(secrets.mask("?q=a%20b%26c%2Fd")).toBe("?q=***");
    expect(secrets.longest).toBe("s3cret-and-more".length);
  });

  test("M16: short and everyday values stay, or every text would be garbled", () => {
    const secrets = secretsOf("1", "abc", "true", "Production", "");
    expect(secrets.mask("1 abc true production")).toBe("1 abc true production");
    expect(secrets.longest).toBe(0);
  });

  test("M16: credentials in any URL go, whoever wrote it", () => {
    const secrets = new Secrets();
    expect(secrets.mask("at postgres://ann:pass@host/db?x=1")).toBe("at postgres://***@host/db?x=1");
    secrets.addUrl(new URL("https://ann%40x:pa%20ss@host/mcp?api_key=abcdef123"));
    expect(secrets.mask("ann@x, pa ss and abcdef123")).toBe("***, *** and ***");
    secrets.addUrl(new URL("https://%E0%A4%A:word@host/"));
    expect(secrets.mask("word")).toBe("***");
  });

  test("M16: of headers the parts go too", () => {
    const secrets = new Secrets();
    secrets.addHeaders({
      authorization: "Bearer tok-123",
      cookie: "sid=abcd1234; theme=dark",
      "proxy-authorization": `Basic ${btoa("bob:hunter22")}`,
    });
    expect(secrets.mask("Bearer: tok-123, dark abcd1234 hunter22")).toBe("Bearer: ***, dark *** ***");
    secrets.addHeaders({ authorization: "Basic ***" });
    expect(secrets.mask("fine")).toBe("fine");
  });

  test("M16: values that change with every request are forgotten, the oldest first", () => {
    const secrets = secretsOf("configured");
    for (let index = 0; index < 3_000; index++) secrets.addChangingHeaders({ "x-token": `token-${index}-end` });
    expect(secrets.mask("token-2999-end")).toBe("***");
    expect(secrets.mask("token-0-end configured")).toBe("token-0-end ***");
  });

  test("M16: hostile text costs linear time", () => {
    const startedAt = performance.now();
    secretsOf("s3cret").mask("://".repeat(200_000) + "a".repeat(1_000_000));
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test("M16: errors and their causes are copied without; what is no error is left out", () => {
    const secrets = secretsOf("s3cret");
    const cause = Object.assign(new Error("inner s3cret"), {
      code: "ECONNREFUSED",
      errno: -111,
      spawnargs: ["s3cret"],
    });
    const masked = secrets.maskError(Object.assign(new TypeError("outer s3cret", { cause }), { status: 500 }));
    expect(inspect(masked, { depth: 10, showHidden: true })).not.toContain("s3cret");
    expect(masked).toMatchObject({
      name: "TypeError",
      message: "outer ***",
      status: 500,
      cause: { code: "ECONNREFUSED", errno: -111 },
    });
    expect(secrets.maskError("s3cret")).toBeUndefined();
    expect(secrets.maskError({ message: "like s3cret", name: "E" })).toMatchObject({ message: "like ***" });
    const loop = new Error("s3cret");
    loop.cause = loop;
    expect(inspect(secrets.maskError(loop), { depth: 20 })).not.toContain("s3cret");
  });

  test("M16: JSON keeps its shape, whatever the secrets are", () => {
    const secrets = secretsOf("s3cret", '{"a":1}', "half \ud800 a pair");
    expect(secrets.maskJson({ a: ["s3cret", 1], b: null })).toEqual({ a: ["***", 1], b: null });
    expect(secrets.maskJson({ a: 1 })).toEqual({ a: 1 });
    expect(secrets.maskJson(undefined)).toBeUndefined();
    let deep: unknown = "s3cret";
    for (let depth = 0; depth < 100_000; depth++) deep = [deep];
    expect(secrets.maskJson(deep)).toBe("left out: it is too large");
    expect(secrets.maskJson({ a: "x".repeat(100_001) })).toBe("left out: it is too large");
    expect(secrets.maskJson({ "a s3cret": { ["__proto__"]: "s3cret" } })).toEqual({
      "a ***": { ["__proto__"]: "***" },
    });
    expect(secrets.mask("half \ud800 a pair")).toBe("***");
  });
});

describe("the stderr tail", () => {
  test("M16, M7: is bounded and masked wherever the text is cut", () => {
    const secrets = secretsOf("s3cret-value");
    const text = `${"x".repeat(3_000)}s3cret-value\n${"y".repeat(9_000)}s3cret-value and the end`;
    for (const size of [1, 3, 7, 4_096]) {
      const tail = new StderrTail(secrets);
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += size) {
        tail.push(bytes.subarray(at, at + size));
        if (at % 50 === 0) expect(tail.toString()).not.toMatch(/s3cret|ret-val/);
      }
      expect(tail.toString()).toMatch(/y\*\*\* and the end$/);
      expect(tail.toString().length).toBeLessThanOrEqual(4_096);
    }
  });

  test("M16: a secret of which only the beginning has come is masked", () => {
    const tail = new StderrTail(secretsOf("s3cret-value"));
    tail.push(Buffer.from("it is s3cret-v"));
    expect(tail.toString()).toBe("it is ***");
    tail.push(Buffer.from("alue, yes\n"));
    expect(tail.toString()).toBe("it is ***, yes");
  });

  test("characters that are cut in two are whole again", () => {
    const tail = new StderrTail(new Secrets());
    const bytes = Buffer.from("grün\n");
    tail.push(bytes.subarray(0, 3));
    tail.push(bytes.subarray(3));
    expect(tail.toString()).toBe("grün");
  });
});

describe("nothing that is kept or thrown", () => {
  test("M16: tells a variable of the environment", { timeout }, async () => {
    const { target } = chaosStdio({ env: { API_KEY: "s3cret-key" } });
    const { call, connection } = await open(target);
    await call("stderr", { text: "using s3cret-key and postgres://a:b@c/d" });
    await until(() => connection.stderrTail() !== "", "it has written");
    expect(connection.stderrTail()).toBe("using *** and postgres://***@c/d");
    const failure = await rejection(call("rpcError", { code: -32_050, message: "bad key s3cret-key" }));
    expect(inspect(failure, { depth: 10 })).not.toContain("s3cret-key");
    expect(failure).toHaveProperty("cause.message", expect.stringContaining("bad key ***"));
  });

  test("M16: of a server that does not start", { timeout }, async () => {
    const { target } = chaosStdio({ env: { API_KEY: "s3cret-key" }, faults: { failStart: "no use of s3cret-key" } });
    const failure = await rejection(open(target));
    expect(failure).toMatchObject({ kind: "connect", stderrTail: "no use of ***" });
    expect(inspect(failure, { depth: 10 })).not.toContain("s3cret-key");
    const missing = await rejection(open({ command: "s3cret-key-program", env: { A: "s3cret-key" } }));
    expect(missing).toMatchObject({ kind: "connect", cause: { code: "ENOENT" } });
    expect(inspect(missing, { depth: 10 })).not.toContain("s3cret-key");
  });

  test("M16: tells a header, a token or a password of the URL", { timeout }, async () => {
    const { url } = await startRawServer({
      post: ({ response, request, message }) => {
        if (message.method !== "tools/call") return false;
        answerStatus(response, 400, {}, `no ${request.headers["x-api-key"]} ${request.headers.authorization} passw0rd`);
        return true;
      },
    });
    const { call } = await open({
      url: url.replace("http://", "http://user:passw0rd@"),
      headers: { "x-api-key": "s3cret-key" },
    });
    const failure = await rejection(call("any"));
    expect(failure).toHaveProperty("message", "the server answered with HTTP status 400: no *** *** ***");
    const refused = await rejection(
      open({ url: "http://user:passw0rd@127.0.0.1:9/mcp", headers: { "x-api-key": "s3cret-key" } }),
    );
    expect(inspect([failure, refused], { depth: 10 })).not.toMatch(/passw0rd|s3cret-key/);
  });
});
