import { textOf } from "./support.js";

export interface Target {
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: { readonly type: string; readonly uid: string };
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
  readonly targets?: readonly Target[];
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
  readonly datasource?: { readonly uid: string };
  readonly multi: boolean;
  readonly includeAll: boolean;
  readonly allValue?: string;
  readonly refresh: number;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly schemaVersion: number;
  readonly editable: boolean;
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
}

export const dashboard: Dashboard = JSON.parse(textOf("grafana/minion-mcp.json"));

/** The panels that ask for something, which rows do not. */
export const panels: readonly Panel[] = dashboard.panels.filter(({ type }) => type !== "row");

/** An expression as Grafana would send it with everything selected. */
export function expand(expression: string, interval = "5m"): string {
  const values: Readonly<Record<string, string>> = {
    __rate_interval: interval,
    job: ".+",
    instance: ".+",
    server: ".*",
  };
  return expression.replace(/\$(\w+)/g, (_match, name: string) => values[name] ?? `\${${name}}`);
}

/** One rule of a file, read without a YAML parser: promtool checks that it is YAML. */
export interface Rule {
  readonly name: string;
  readonly kind: "alert" | "record";
  readonly expr: string;
  readonly text: string;
}

export function rulesIn(path: string): Rule[] {
  const blocks = textOf(path)
    .split(/^ {6}- (?=alert:|record:)/m)
    .slice(1);
  return blocks.map((text) => {
    const [, kind, name = ""] = /^(alert|record): (\S+)/.exec(text) ?? [];
    const expr = /^ {8}expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)/m.exec(text);
    const folded = expr?.[1] ?? expr?.[2] ?? "";
    return { name, kind: kind === "alert" ? "alert" : "record", expr: folded.replace(/\s+/g, " ").trim(), text };
  });
}

const words =
  /^(sum|max|min|avg|by|without|rate|increase|ignoring|on|and|or|unless|histogram_quantile|time|le|max_over_time|last_over_time|round|bool)$/;

/** The names of the metrics in an expression: what is left without labels, ranges, groupings, functions and numbers. */
export function metricsIn(expression: string): string[] {
  const bare = expression
    .replace(/\{(?:[^{}"]|"[^"]*")*\}/g, " ")
    .replace(/\[[^\]]*\]/g, " ")
    .replace(/\b(by|without|on|ignoring)\s*\([^)]*\)/g, " ");
  const names = bare.match(/[a-zA-Z_:][\w:]*/g) ?? [];
  return [...new Set(names.filter((name) => !words.test(name)))];
}
