// What becomes of eight calls and of the login behind them. The authorization server counts, not the clients.
import { setTimeout as sleep } from "node:timers/promises";
import { Provider } from "./auth-clients.js";
import { startAuthLab } from "./auth-lab.js";

const calls = 8;
const limitMs = 20_000;

/** Runs a probe with a user who is logged in, or not yet. */
async function withLab({ load, rotates = true, isSse = false, isLoggedIn = true }, probe) {
  const lab = await startAuthLab({ rotates });
  const { issuer } = lab;
  const client = { client_id: "bench", issuer };
  const server = { authorizationServerUrl: issuer, tokenEndpoint: `${issuer}/token` };
  const tokens = isLoggedIn ? { ...lab.issue("read"), issuer } : undefined;
  const authProvider = new Provider({ client, server, tokens });
  const target = { url: isSse ? lab.sseUrl : lab.url, isSse, authProvider };
  try {
    const { open, finish } = await load();
    return await probe({ lab, authProvider, open: () => open(target), finish: (params) => finish(target, params) });
  } finally {
    lab.close();
  }
}

/** How many of them end well in time. */
async function count(promises) {
  const outcomes = await Promise.all(
    promises.map((promise) =>
      Promise.race([
        promise.then(
          (result) => result?.isError !== true,
          () => false,
        ),
        sleep(limitMs, false, { ref: false }),
      ]),
    ),
  );
  return outcomes.filter((isWell) => isWell).length;
}

const times = (run) => Array.from({ length: calls }, () => run());
const several = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

/** Eight calls at once, right after the token has expired. */
function atExpiry(how) {
  return (load) =>
    withLab({ load, ...how }, async ({ lab, authProvider, open }) => {
      const client = await open();
      await client.call("read");
      lab.expire();
      const well = await count(times(() => client.call("read")));
      const isLoggedIn = lab.isLoggedIn() && (await count([client.call("read")])) === 1;
      await client.close();
      const state = isLoggedIn ? "still logged in" : "logged out";
      const sent = authProvider.redirects.length === 0 ? "" : `, ${several(authProvider.redirects.length, "redirect")}`;
      return `${well} of ${calls}, ${several(lab.refreshes, "refresh").replace("refreshs", "refreshes")}, ${state}${sent}`;
    });
}

/** Eight callers of a user who has to do something first, and again after the user has done it. */
function afterLogin(how, use) {
  return (load) =>
    withLab({ load, ...how }, async ({ lab, authProvider, open, finish }) => {
      const run = await use(open);
      const before = await count(times(run));
      const { length } = authProvider.redirects;
      if (length === 0) return `no redirect, ${before} of ${calls}`;
      let well = 0;
      const isFinished = (await count([Promise.resolve(finish(lab.agree(authProvider.redirects.at(-1))))])) === 1;
      if (isFinished) well = await count(times(run));
      return `${several(length, "redirect")}, then ${well} of ${calls}`;
    });
}

/** Name of the row to what is done with one client, which `load` brings. */
export const authProbes = {
  "8 calls when the token expires, rotation": atExpiry({}),
  "8 calls when the token expires, no rotation": atExpiry({ rotates: false }),
  "8 calls when the token expires, rotation, HTTP+SSE": atExpiry({ isSse: true }),
  "8 calls at first contact, then after the login": afterLogin({ isLoggedIn: false }, (open) => async () => {
    const client = await open();
    return client.call("read");
  }),
  "8 calls that need another scope, then after it was granted": afterLogin({}, async (open) => {
    const client = await open();
    return () => client.call("write");
  }),
};
