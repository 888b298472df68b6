"use strict";
// What colours, heads, widths and dashes mean; on the page and in the saved picture.

const SAMPLE = 30;

function sampleEdge(sign, line, weak = false) {
  return { sign, line, weak, route: [0, 0, SAMPLE, 0], index: -1, id: "" };
}

function lineFor(size) {
  const share = LOOK.largest > 0 ? size / LOOK.largest : 0;
  return LOOK.thinnest + (LOOK.thickest - LOOK.thinnest) * share;
}

// Entries that this network needs, each with the room that it takes.
function keyEntries() {
  if (!EDGES.length) return [];
  const sizes = EDGES.filter((edge) => edge.size !== null).map((edge) => edge.size);
  const sample = (size) => Number(size.toPrecision(2));
  const widths = sizes.length ? [...new Set([Math.min(...sizes), Math.max(...sizes)].map((size) => sample(Math.min(size, LOOK.largest))))] : [];
  const entries = [
    { text: "positive effect", edge: sampleEdge("positive", 1.85) },
    { text: "negative effect", edge: sampleEdge("negative", 1.85) },
    ...(sizes.length < EDGES.length ? [{ text: "effect not known", edge: sampleEdge("unknown", 1) }] : []),
    ...widths.map((size) => ({ text: `|effect| ${written(size)}`, line: lineFor(size) })),
    ...LOOK.grades.map((entry) => ({ text: entry.grade, line: entry.line, dashes: dashesOf(entry) })),
    ...(!LOOK.grades.length && EDGES.some((edge) => edge.weak === true) ? [{ text: "weak instruments (F < 10)", line: 1.85, dashes: [4, 2.5] }] : []),
    ...(GENES.some((gene) => gene.weak === true) ? [{ text: "weak knock-down", box: true }] : []),
  ];
  return entries.map((entry) => ({ ...entry, width: SAMPLE + 14 + 0.56 * LOOK.small_font * entry.text.length }));
}

function keySample(entry) {
  if (entry.edge) return drawnEdge(entry.edge);
  const stroke = { stroke: LOOK.note, fill: "none" };
  if (entry.box) return shape("rect", { x: 6, y: -6, width: 20, height: 12, rx: 4, ...stroke, fill: LOOK.face, "stroke-width": 1.4, "stroke-dasharray": "4 2" });
  const dashes = entry.dashes ? { "stroke-dasharray": entry.dashes.join(" ") } : {};
  return shape("path", { d: `M0 0 L${SAMPLE} 0`, ...stroke, "stroke-width": entry.line, ...dashes });
}

// The key in one row, for the saved picture.
function drawnKey() {
  let x = 0;
  return keyEntries().map((entry) => {
    const sample = keySample(entry);
    sample.querySelectorAll("path").forEach((path) => path.removeAttribute("class"));
    sample.removeAttribute("data-edge");
    const text = words("key", SAMPLE + 6, 0, entry.text, LOOK.small_font, LOOK.ink, { "text-anchor": "start" });
    const group = shape("g", { transform: `translate(${x.toFixed(1)} 0)` }, sample, text);
    x += entry.width;
    return group;
  });
}

function showKey() {
  document.getElementById("key").replaceChildren(...keyEntries().map((entry) => {
    const picture = shape("svg", { width: SAMPLE + 4, height: 14, viewBox: `-2 -7 ${SAMPLE + 4} 14`, "aria-hidden": "true" }, keySample(entry));
    return make("span", {}, picture, entry.text);
  }));
}
