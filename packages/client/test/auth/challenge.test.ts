import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { challengeOf } from "../../src/session/http/challenge.js";

function challenged(text: string) {
  const response = new IncomingMessage(new Socket());
  response.statusCode = 403;
  response.headers = { "www-authenticate": text };
  return challengeOf(response);
}

const asked = 'error="insufficient_scope", scope="read write"';

describe("what a server asks for", () => {
  test.each([
    `Bearer ${asked}`,
    'bearer ERROR=insufficient_scope,SCOPE="read write"',
    'Bearer error="insufficient_scope" scope = "read write"',
    `Negotiate, Bearer ${asked}, Basic realm="scope=none"`,
    `Basic realm="of a bearer scope=admin", Bearer ${asked}`,
    `Bearer error_description="the scope=admin is missing", ${asked}`,
    `Bearer realm="a, error=invalid_token", ${asked}`,
    `Bearer error_description="say \\"hi\\", scope=admin", ${asked}`,
  ])("M18: is read from its own fields, never from what stands within quotes: %s", (text) => {
    expect(challenged(text)).toMatchObject({ status: 403, scope: "read write" });
  });

  test.each(['Bearer error_description="no error=insufficient_scope"', `Basic ${asked}`])(
    "M18: is nothing where only a text, or another scheme, says so: %s",
    (text) => {
      expect(challenged(text)).toBeUndefined();
    },
  );
});
