import type { Report } from "./report.js";
export function renderReadme(_report: Report): string {
  return "";
}
