import { describe, expect, test } from "vitest";
import { performAll, situations } from "./orderings.js";

describe("C1, C3, C4: all orders of load, invalidation, set, abort and expiry", () => {
  test.each(situations)("C3: from %s, up to two actors in every order do as the model does", async (_, situation) => {
    expect(await performAll(situation, 2)).toBeGreaterThan(100);
  });
});
