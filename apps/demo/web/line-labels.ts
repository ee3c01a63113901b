import type uPlot from "uplot";

/** How much room the names at the ends of the lines have, in CSS pixels. */
export const labelWidth = 108;
const lineHeight = 12;

/** Writes the name of each line that is shown at its end, moved apart where they would stand on each other. */
export function drawLineLabels(plot: uPlot): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  const labels = plot.series.slice(1).flatMap(({ label, show, stroke }, index) => {
    const value = lastOf(plot.data[index + 1]);
    if (show === false || value === undefined) return [];
    const at = plot.valToPos(value, "y", true);
    const colour: unknown = typeof stroke === "function" ? stroke(plot, index + 1) : stroke;
    return [{ name: String(label), at, y: at, colour: typeof colour === "string" ? colour : "gray" }];
  });
  labels.sort((a, b) => a.at - b.at);
  const gap = lineHeight * scale;
  let floor = bbox.top + gap / 2;
  for (const label of labels) {
    label.y = Math.max(label.at, floor);
    floor = label.y + gap;
  }
  let ceiling = bbox.top + bbox.height;
  for (const label of labels.toReversed()) {
    label.y = Math.min(label.y, ceiling);
    ceiling = label.y - gap;
  }
  ctx.save();
  ctx.font = `600 ${10.5 * scale}px system-ui, sans-serif`;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  ctx.lineWidth = scale;
  ctx.setLineDash([]);
  const right = bbox.left + bbox.width;
  for (const { name, at, y, colour } of labels) {
    ctx.strokeStyle = colour;
    ctx.fillStyle = colour;
    ctx.beginPath();
    ctx.moveTo(right, at);
    ctx.lineTo(right + 6 * scale, y);
    ctx.stroke();
    ctx.fillText(fitted(ctx, name, (labelWidth - 12) * scale), right + 9 * scale, y);
  }
  ctx.restore();
}

function lastOf(values: ArrayLike<number | null | undefined> | undefined): number | undefined {
  return values === undefined ? undefined : (values[values.length - 1] ?? undefined);
}

function fitted(ctx: CanvasRenderingContext2D, name: string, width: number): string {
  if (ctx.measureText(name).width <= width) return name;
  let length = name.length;
  while (length > 1 && ctx.measureText(`${name.slice(0, length)}…`).width > width) length -= 1;
  return `${name.slice(0, length)}…`;
}
