// One series as bars in SVG. In: {labels, values, final, previous, format}. Values are numbers, bigints or null.
// Final buckets are solid, provisional ones hatched, unknown ones an outlined gap; the previous period is a line.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 220, TOP = 10, BOTTOM = 24;

export function draw(host, series) {
  const width = Math.max(host.clientWidth, 200);
  const svg = node("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": series.title });
  const known = [...series.values, ...(series.previous ?? [])].filter((v) => v !== null).map(Number);
  const ticks = niceTicks(Math.min(0, ...bounded(known)), Math.max(0, ...bounded(known)), series.whole);
  const tickTexts = ticks.map((t) => series.formatTick(t));
  const left = Math.min(90, Math.max(...tickTexts.map((t) => t.length)) * 6.6 + 10);
  const low = ticks[0], high = ticks[ticks.length - 1];
  const y = (v) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (Number(v) - low) / (high - low || 1));
  const step = (width - left) / series.values.length;
  const x = (i) => left + i * step;

  svg.append(hatch());
  ticks.forEach((t, i) => {
    svg.append(node("line", { x1: left, x2: width, y1: y(t), y2: y(t), class: t === 0 ? "zero-line" : "grid-line" }));
    svg.append(node("text", { x: left - 8, y: y(t) + 4, "text-anchor": "end" }, tickTexts[i]));
  });
  drawUnknown(svg, series, { x, width });
  drawBars(svg, series, { x, y, step });
  if (series.previous) svg.append(previousLine(series.previous, { x, y, step }));
  drawLabels(svg, series.labels, { x, step, width });
  drawHits(svg, series, { x, step });
  host.replaceChildren(svg);
}

// One outline over what had not begun when the release was published, from the first such bucket on.
function drawUnknown(svg, series, { x, width }) {
  const first = series.values.findIndex((value, i) => value === null && series.unknown(i));
  if (first < 0) return;
  svg.append(node("rect", { x: x(first) + 1, y: TOP, width: Math.max(width - x(first) - 2, 1), height: HEIGHT - TOP - BOTTOM, class: "unknown-area", rx: 4 }));
}

function drawBars(svg, series, { x, y, step }) {
  const gap = step > 6 ? Math.min(step * 0.22, 6) : step > 2 ? 0.6 : 0;
  series.values.forEach((value, i) => {
    const left = x(i) + gap / 2, width = Math.max(step - gap, 0.5);
    if (value === null) return;
    const top = Math.min(y(value), y(0)), height = Math.abs(y(value) - y(0));
    const rx = Math.min(2, width / 4, height);
    const provisional = i >= series.final;
    const bar = node("rect", { x: left, y: top, width, height, rx, class: provisional ? "bar" : "bar final" });
    if (provisional) bar.setAttribute("fill", "url(#hatch)");
    svg.append(bar);
  });
}

function previousLine(values, { x, y, step }) {
  let path = "", pen = "M";
  values.forEach((value, i) => {
    if (value === null) { pen = "M"; return; }
    path += `${pen}${(x(i) + step / 2).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  });
  return node("path", { d: path || "M0 0", class: "previous-line" });
}

function drawLabels(svg, labels, { x, step, width }) {
  const room = Math.max(1, Math.floor((width - x(0)) / 78));
  const strong = labels.map((l, i) => (l.major ? i : -1)).filter((i) => i >= 0);
  const places = strong.length >= 2 ? strong : labels.map((_, i) => i);
  const every = Math.ceil(places.length / room);
  places.filter((_, n) => n % every === 0).forEach((i) => {
    const text = strong.length >= 2 ? labels[i].day : labels[i].short;
    const end = x(i) + 60 > width;
    svg.append(node("text", { x: end ? width : x(i), y: HEIGHT - 6, "text-anchor": end ? "end" : "start" }, text));
  });
}

function drawHits(svg, series, { x, step }) {
  series.values.forEach((_, i) => {
    const hit = node("rect", { x: x(i), y: 0, width: step, height: HEIGHT - BOTTOM, class: "bar-hit" });
    hit.addEventListener("pointerenter", (event) => series.onHover(i, event));
    hit.addEventListener("pointermove", (event) => series.onHover(i, event));
    hit.addEventListener("pointerleave", () => series.onHover(null));
    hit.addEventListener("click", () => series.onChoose(i));
    svg.append(hit);
  });
}

function hatch() {
  const pattern = node("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  pattern.append(node("rect", { width: 6, height: 6, class: "hatch-a" }), node("line", { x1: 0, y1: 0, x2: 0, y2: 6, class: "hatch-b" }));
  const defs = node("defs", {});
  defs.append(pattern);
  return defs;
}

function niceTicks(low, high, whole) {
  if (low === high) return [0, whole ? 4 : 1];
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough);
  if (whole) step = Math.max(1, Math.ceil(step));
  const first = Math.floor(low / step), last = Math.ceil(high / step);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

// Math.min(...values) fails on very long arrays: two ends are enough.
function bounded(values) {
  if (!values.length) return [0];
  let low = values[0], high = values[0];
  for (const v of values) { if (v < low) low = v; if (v > high) high = v; }
  return [low, high];
}

function node(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
