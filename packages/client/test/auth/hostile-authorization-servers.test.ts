import type { ServerResponse } from "node:http";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { AuthorizationError } from "../../src/index.js";
import { rejection, statusOf } from "../support.js";
import { MemoryProvider } from "./memory-provider.js";
import { type Lab, startLab, tally } from "./support.js";

const timeout = 60_000;
const megabyte = 1_000_000;

/** What comes instead of an answer. */
const answers: Record<string, (response: ServerResponse, path: string) => void> = {
  "HTML with status 200": (response) =>
    response.writeHead(200, { "content-type": "text/html" }).end("<html>Sign in</html>"),
  "HTML with status 400": (response) =>
    response.writeHead(400, { "content-type": "text/html" }).end("<html>Oops</html>"),
  "status 500": (response) => response.writeHead(500).end("it is out of order"),
  "status 503": (response) => response.writeHead(503, { "retry-after": "3600" }).end(),
  "an empty answer": (response) => response.writeHead(200, { "content-type": "application/json" }).end(),
  "JSON that is no object": (response) => response.writeHead(200, { "content-type": "application/json" }).end("[1, 2]"),
  "JSON with members of wrong types": (response) =>
    response.writeHead(200, { "content-type": "application/json" }).end(
      JSON.stringify({
        issuer: 1,
        resource: [],
        authorization_servers: "none",
        authorization_endpoint: 2,
        token_endpoint: {},
        access_token: 5,
        token_type: null,
        client_id: [],
      }),
    ),
  "10 MB": (response) => response.writeHead(200, { "content-type": "application/json" }).end("[".repeat(10 * megabyte)),
  "10 MB that never end": (response) => {
    response.writeHead(200, { "content-type": "application/json" });
    const more = (): boolean => !response.destroyed && response.write("x".repeat(megabyte)) && more();
    response.on("drain", more);
    more();
  },
  "a redirect to itself": (response, path) => response.writeHead(302, { location: path }).end(),
  "a redirect to a file": (response) => response.writeHead(307, { location: "file:///etc/passwd" }).end(),
  "no answer, but the end of the socket": (response) => response.destroy(),
};

/** Everything that a user may see of an error. */
function shown(error: unknown): string {
  return inspect(error, { depth: 10, showHidden: true });
}

/** What nobody may see: tokens, codes and verifiers. */
function secretsOf({ authorization }: Lab): string[] {
  return authorization.tokenRequests.flatMap((form) =>
    ["code", "code_verifier", "refresh_token", "client_secret"].flatMap((name) => form.get(name) ?? []),
  );
}

async function expectTold(lab: Lab, error: unknown): Promise<void> {
  expect(error).toBeInstanceOf(AuthorizationError);
  expect(error).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", delivery: "not-sent" });
  for (const secret of secretsOf(lab)) expect(shown(error)).not.toContain(secret);
  expect(statusOf(lab.client, "s")).toMatchObject({ breaker: { state: "closed", failures: 0 }, calls: { retries: 0 } });
}

/** Logs the user in who was sent off last. */
async function logIn({ authorization, provider, client }: Lab): Promise<void> {
  const url = provider.redirects.at(-1);
  if (url === undefined) throw new Error("nobody was sent off");
  await client.finishAuth("s", authorization.agree(url));
}

describe("an authorization server", () => {
  for (const endpoint of ["/.well-known/oauth-authorization-server", "/register", "/token"]) {
    for (const [what, answer] of Object.entries(answers)) {
      test(`M18: whose ${endpoint} answers with ${what} fails the login, and only that`, { timeout }, async () => {
        const lab = await startLab({ isLoggedIn: false, provider: () => new MemoryProvider() });
        const { authorization, client, provider, burst } = lab;
        authorization.hook = (path, response) => {
          if (path !== endpoint) return false;
          answer(response, path);
          return true;
        };
        await expectTold(lab, await rejection(client.callTool("s", "read")));
        if (endpoint === "/token") {
          expect(provider.redirects).toHaveLength(1);
          await expectTold(lab, await rejection(logIn(lab)));
        }
        // Without metadata, which a 4xx tells as well, an authorization server is asked at the paths of revision 2025-03-26.
        for (const { origin } of provider.redirects) expect(origin).toBe(authorization.issuer);
        expect(provider.redirects.length).toBeLessThan(2);
        expect(authorization.requests.length).toBeLessThan(12);
        authorization.hook = () => false;
        expect(await burst(1)).toEqual(["ERR_MCP_AUTHORIZATION"]);
        await logIn(lab);
        expect(await burst(2)).toEqual(["ann", "ann"]);
      });
    }
  }

  for (const [what, answer] of Object.entries(answers)) {
    test(`M18: that answers a refresh with ${what} ends no login`, { timeout }, async () => {
      const lab = await startLab();
      const { authorization, client, provider, burst } = lab;
      await burst(1);
      authorization.expire();
      authorization.hook = (path, response) => {
        if (path !== "/token") return false;
        answer(response, path);
        return true;
      };
      await expectTold(lab, await rejection(client.callTool("s", "read")));
      expect(tally(await burst(4))).toEqual({ ERR_MCP_AUTHORIZATION: 4 });
      authorization.hook = () => false;
      expect(tally(await burst(4))).toEqual({ ann: 4 });
      expect(authorization.refreshes).toHaveLength(1);
      expect(authorization.reuses).toBe(0);
      expect(provider.redirects).toEqual([]);
    });
  }
});

describe("a server", () => {
  for (const [what, answer] of Object.entries(answers)) {
    test(`M18: whose metadata are ${what} fails the login, and only that`, { timeout }, async () => {
      const lab = await startLab({ isLoggedIn: false });
      const { server, client, provider, burst } = lab;
      server.hook = (request, response) => {
        if (request.url?.startsWith("/.well-known/oauth-protected-resource") !== true) return false;
        answer(response, request.url);
        return true;
      };
      await expectTold(lab, await rejection(client.callTool("s", "read")));
      expect(provider.redirects).toEqual([]);
      expect(server.requests.length).toBeLessThan(16);
      server.hook = () => false;
      expect(await burst(1)).toEqual(["ERR_MCP_AUTHORIZATION"]);
      await logIn(lab);
      expect(await burst(2)).toEqual(["ann", "ann"]);
    });
  }

  for (const named of ["javascript:alert(1)", "file:///etc/passwd", "not a URL", "http://[::1", "", 5, null]) {
    test(`M18: that names ${JSON.stringify(named)} as its authorization server sends nobody there`, {
      timeout,
    }, async () => {
      const lab = await startLab({ isLoggedIn: false });
      lab.server.hook = (request, response) => {
        if (request.url?.startsWith("/.well-known/oauth-protected-resource") !== true) return false;
        response
          .writeHead(200, { "content-type": "application/json" })
          .end(JSON.stringify({ resource: lab.server.url, authorization_servers: [named] }));
        return true;
      };
      await expectTold(lab, await rejection(lab.client.callTool("s", "read")));
      expect(lab.provider.redirects).toEqual([]);
    });
  }

  test("M16: that repeats the token in the text of its refusals does not have it told", { timeout }, async () => {
    const lab = await startLab();
    await lab.burst(1);
    const token = (await lab.provider.tokens())?.access_token ?? "";
    for (const status of [400, 403, 404, 500]) {
      lab.server.hook = (request, response) => {
        const text = `no ${request.headers.authorization}, encoded ${encodeURIComponent(request.headers.authorization ?? "")}`;
        response.writeHead(status, { "content-type": "text/plain", "x-echo": text }).end(text);
        return true;
      };
      const error = await rejection(lab.client.callTool("s", "read"));
      expect(shown(error)).not.toContain(token);
      expect(inspect([lab.client.status(), lab.events], { depth: 10 })).not.toContain(token);
    }
  });
});
