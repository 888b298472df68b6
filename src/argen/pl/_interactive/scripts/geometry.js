"use strict";
// Where an edge runs: start, control points of a smooth curve (quadratic pieces that meet half way), end.

const ARROW_SCALE = 0.85;
const TEE_SCALE = 0.75;

function pointsOf(edge) {
  const points = [];
  for (let i = 0; i < edge.route.length; i += 2) points.push({ x: edge.route[i], y: edge.route[i + 1] });
  return points;
}

// Control points as Cytoscape takes them: along the line from start to end (0 to 1), and sideways.
function bendsOf(edge) {
  const points = pointsOf(edge);
  const start = points[0];
  const end = points[points.length - 1];
  const dx = end.x - start.x;
  const dy = end.y - start.y;
  const length = Math.hypot(dx, dy);
  const inner = points.slice(1, -1);
  return {
    weights: inner.map((p) => ((p.x - start.x) * dx + (p.y - start.y) * dy) / (length * length)),
    distances: inner.map((p) => ((p.y - start.y) * dx - (p.x - start.x) * dy) / length),
  };
}

function relative(point, gene) {
  return `${(point.x - gene.x).toFixed(2)}px ${(point.y - gene.y).toFixed(2)}px`;
}

// Unit vector along which an edge arrives.
function arrival(points) {
  const end = points[points.length - 1];
  const before = points[points.length - 2];
  const length = Math.hypot(end.x - before.x, end.y - before.y) || 1;
  return { x: (end.x - before.x) / length, y: (end.y - before.y) / length };
}

function back(point, direction, along, aside = 0) {
  return { x: point.x - along * direction.x - aside * direction.y, y: point.y - along * direction.y + aside * direction.x };
}

function xy(point) {
  return `${point.x.toFixed(2)} ${point.y.toFixed(2)}`;
}

function headSize(edge) {
  return Math.max((edge.line * 13.37) ** 0.9, 29) * (edge.sign === "negative" ? TEE_SCALE : ARROW_SCALE);
}

// The line of an edge as an SVG path that ends where its head begins.
function pathOf(edge) {
  const points = pointsOf(edge);
  const direction = arrival(points);
  const last = points.length - 1;
  points[last] = back(points[last], direction, edge.sign === "negative" ? 1 : 0.2 * headSize(edge));
  let path = `M${xy(points[0])}`;
  for (let i = 1; i < last; i += 1) {
    const next = i === last - 1 ? points[last] : middle(points[i], points[i + 1]);
    path += ` Q${xy(points[i])} ${xy(next)}`;
  }
  return last === 1 ? `${path} L${xy(points[1])}` : path;
}

function middle(a, b) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

// A triangle for a positive effect, a bar for a negative one, a chevron where the sign is not known.
function headOf(edge) {
  const points = pointsOf(edge);
  const end = points[points.length - 1];
  const direction = arrival(points);
  const size = headSize(edge);
  const corners = {
    positive: [[0, 0], [0.3, 0.15], [0.3, -0.15]],
    negative: [[0, 0.15], [0.1, 0.15], [0.1, -0.15], [0, -0.15]],
    unknown: [[0, 0], [0.3, 0.15], [0.15, 0], [0.3, -0.15]],
  }[edge.sign];
  return corners.map(([along, aside]) => xy(back(end, direction, along * size, aside * size)).replace(" ", ",")).join(" ");
}

// Where the effect is written when a gene is selected: beside the other gene, where edges lie apart.
function effectPlace(edge, gene) {
  const points = pointsOf(edge);
  const atChild = edge.parent === gene;
  const route = atChild ? points : points.slice().reverse();
  return back(route[route.length - 1], arrival(route), EFFECT_OFFSET);
}

const EFFECT_OFFSET = 17;
