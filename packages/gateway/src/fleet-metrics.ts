import type { Fleet } from "@minion/redis";
import { Counter, Gauge, type Registry } from "prom-client";

type Stats = ReturnType<Fleet["stats"]>;

const counters = [
  ["commands_total", "Commands sent to Redis.", "commands"],
  ["command_failures_total", "Commands that failed or were not answered in time.", "failures"],
  ["command_timeouts_total", "Commands that were not answered in time.", "timeouts"],
  ["resyncs_total", "How often the lists held here were compared after changes could have been missed.", "resyncs"],
  ["list_hits_total", "Lists that another replica had fetched.", "l2Hits"],
  ["list_misses_total", "Lists that were fetched here.", "l2Misses"],
  ["list_leases_total", "Lists that were fetched here for the whole fleet.", "leases"],
  ["verdicts_checked_total", "Verdicts of other replicas that were checked by a ping.", "verdictsChecked"],
  ["verdicts_confirmed_total", "Verdicts of other replicas that a ping confirmed.", "verdictsConfirmed"],
  ["quota_granted_total", "Calls that quotas let through.", "quotaGranted"],
  ["quota_refused_total", "Calls that quotas refused.", "quotaRefused"],
  ["quota_local_total", "Calls that quotas decided without Redis.", "quotaLocal"],
] as const satisfies readonly (readonly [name: string, help: string, of: keyof Stats])[];

/** Registers `minion_fleet_*`: the figures of a fleet as this replica sees it, read at each scrape. */
export function registerFleetMetrics(registry: Registry, stats: () => Stats): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name: `minion_fleet_${name}`,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  };
  gauge("linked", "1 while lists, verdicts and quotas are shared over Redis.", () => Number(stats().isLinked));
  gauge("link_age_seconds", "How long that has been so.", () => stats().linkAgeMs / 1_000);
  gauge("replicas", "Replicas that share, this one included, as last heard.", () => stats().replicas);
  for (const [name, help, of] of counters)
    new Counter({
      name: `minion_fleet_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(stats()[of]);
      },
    });
}
