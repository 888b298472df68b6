"use strict";
// The drawing itself, by Cytoscape.js, at places that are given.

const FONT = 'Arial, Helvetica, "Liberation Sans", "DejaVu Sans", sans-serif';
const CALM = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
const READABLE = 1.25; // zoom at which a gene that was searched for is shown
const view = document.getElementById("view");
const COLOR_OF = { positive: LOOK.positive, negative: LOOK.negative, unknown: LOOK.note };
const SHAPE_OF = { positive: "triangle", negative: "tee", unknown: "vee" };

// Dash and gap of an edge: those of its grade if edges are graded, else those of weak instruments; null if solid.
function dashesOf(edge) {
  if (!LOOK.grades.length) return edge.weak === true ? [4, 2.5] : null;
  const look = LOOK.grades.find((entry) => entry.grade === edge.grade);
  return look && look.dashes.length ? look.dashes.map((length) => Number((length * edge.line).toFixed(2))) : null;
}

function geneElement(gene) {
  const data = { id: gene.id, name: gene.name.replace(/\s/g, " "), width: gene.width };
  const classes = gene.weak === true ? "gene weak" : "gene";
  return { group: "nodes", data, position: { x: gene.x, y: gene.y }, classes };
}

function edgeElement(edge) {
  const points = pointsOf(edge);
  const bends = bendsOf(edge);
  const data = {
    id: edge.id, source: edge.parent.id, target: edge.child.id, line: edge.line, effect: signed(edge.coef),
    start: relative(points[0], edge.parent), end: relative(points[points.length - 1], edge.child),
    weights: bends.weights, distances: bends.distances, dashes: dashesOf(edge) || [1, 0],
  };
  const classes = [edge.sign, bends.weights.length ? "bent" : "", dashesOf(edge) ? "dashed" : ""].join(" ");
  return { group: "edges", data, classes };
}

function headingElement() {
  const [x, y] = DATA.heading.at;
  return { group: "nodes", data: { id: "heading", name: DATA.heading.text }, position: { x, y }, classes: "heading" };
}

const label = { "font-family": FONT, "font-size": LOOK.font, color: LOOK.ink };
const effectLabel = {
  "font-family": FONT, "font-size": LOOK.small_font, "font-weight": 600, "text-background-color": "#fff",
  "text-background-opacity": 0.92, "text-background-padding": 1, "z-index": 20,
};
const STYLE = [
  { selector: "node.gene", style: {
    ...label, shape: "round-rectangle", width: "data(width)", height: LOOK.height, "corner-radius": LOOK.rounding,
    "background-color": LOOK.face, "border-color": LOOK.border, "border-width": LOOK.box_line, label: "data(name)",
    "text-valign": "center", "text-halign": "center", "text-wrap": "none", "min-zoomed-font-size": 5, "z-index": 10,
  } },
  { selector: "node.weak", style: { "border-style": "dashed", "border-width": 1.4 } },
  { selector: "node.alone", style: { "background-color": LOOK.alone_face, "border-color": LOOK.alone_border } },
  { selector: "node.heading", style: {
    ...label, shape: "rectangle", width: 1, height: 1, "background-opacity": 0, label: "data(name)", color: LOOK.note,
    "font-size": LOOK.small_font, "text-valign": "center", events: "no", "min-zoomed-font-size": 5,
  } },
  { selector: "edge", style: {
    "curve-style": "straight", "source-endpoint": "data(start)", "target-endpoint": "data(end)", width: "data(line)",
    "arrow-scale": ARROW_SCALE, "line-cap": "butt",
  } },
  { selector: "edge.bent", style: {
    "curve-style": "unbundled-bezier", "edge-distances": "endpoints", "control-point-weights": "data(weights)",
    "control-point-distances": "data(distances)",
  } },
  ...Object.keys(COLOR_OF).map((sign) => ({ selector: `edge.${sign}`, style: {
    "line-color": COLOR_OF[sign], "target-arrow-color": COLOR_OF[sign], "target-arrow-shape": SHAPE_OF[sign],
    color: COLOR_OF[sign],
  } })),
  { selector: "edge.negative", style: { "arrow-scale": TEE_SCALE } },
  { selector: "edge.dashed", style: { "line-style": "dashed", "line-dash-pattern": "data(dashes)" } },
  { selector: "edge.faded", style: { opacity: 0.07 } },
  { selector: "node.faded", style: { opacity: 0.22 } },
  { selector: "edge.effect-at-child", style: {
    ...effectLabel, "target-label": "data(effect)", "target-text-offset": EFFECT_OFFSET,
  } },
  { selector: "edge.effect-at-parent", style: {
    ...effectLabel, "source-label": "data(effect)", "source-text-offset": EFFECT_OFFSET,
  } },
  { selector: "edge.hovered, edge.chosen", style: { "underlay-color": LOOK.ink, "underlay-opacity": 0.16, "underlay-padding": 3, "z-index": 15 } },
  { selector: "node.hovered", style: { "border-width": 2, "border-color": LOOK.ink } },
  { selector: "node.chosen", style: { "background-color": LOOK.ink, "border-color": LOOK.ink, color: "#fff", "font-weight": 600 } },
  { selector: ".off", style: { display: "none" } },
];

const cy = cytoscape({
  container: view,
  elements: [...(DATA.heading.text ? [headingElement()] : []), ...GENES.map(geneElement), ...EDGES.map(edgeElement)],
  style: STYLE,
  layout: { name: "preset", fit: false },
  autoungrabify: true,
  autounselectify: true,
  boxSelectionEnabled: false,
  minZoom: 0.02,
  maxZoom: 6,
});

const elementOf = (entry) => cy.getElementById(entry.id);
const nameOf = (element) => (element.isNode() ? GENES : EDGES)[Number(element.id().slice(1))];

// Room for the key and the buttons, which lie over the drawing.
function fitAll(animated = false) {
  const shown = cy.elements().not(".off"); // `:visible` may lag behind until the next frame
  if (shown.empty() || !cy.width()) return;
  const box = shown.boundingBox({ includeOverlays: false, includeUnderlays: false });
  const padding = { side: 24, top: 20, bottom: 20 + document.getElementById("key").offsetHeight };
  const room = { w: cy.width() - 2 * padding.side, h: cy.height() - padding.top - padding.bottom };
  const zoom = Math.min(room.w / box.w, room.h / box.h, 2);
  moveTo((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, Math.max(zoom, 0.02), animated, (padding.top - padding.bottom) / 2);
}

function moveTo(x, y, zoom, animated = true, shift = 0) {
  const pan = { x: cy.width() / 2 - zoom * x, y: cy.height() / 2 - zoom * y + shift };
  cy.stop();
  if (animated && !CALM) cy.animate({ zoom, pan, duration: 280, easing: "ease-in-out-cubic" });
  else cy.viewport({ zoom, pan });
}

function centreOn(gene) {
  moveTo(gene.x, gene.y, Math.max(cy.zoom(), READABLE));
}

function zoomBy(factor) {
  cy.stop();
  cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
}
