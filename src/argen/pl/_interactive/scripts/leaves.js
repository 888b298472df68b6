"use strict";
// Where unfolded responders stand: in rings round their regulators, each at the first spot that is free. The network
// is spread as a whole to make room for them, and keeps its shape.

const LEAF_HEIGHT = 14;
const LEAF_WIDTH = 44; // of most
const LEAF_GAP = 4; // between two boxes
const CLEARANCE = 34; // between a regulator and its first ring, for the head of an edge and its effect
const RING = 17; // from ring to ring
const FLAT = 1.25; // rings are wider than high, as names are
const SPOT = 22; // along a ring from one spot to the next
const FILLED = 0.3; // share of the room that boxes fill; the rest is for edges
const CELL = 24; // of the grid that finds what is near
const AROUND_NETWORK = 60;
// The first rings are searched for a spot whose edge runs under no box; so many are, from the first that is not full,
// for one whose edge runs under no box of the network: it would look as if it came from there.
const RINGS_CLEAR = 3;
const RINGS_CLEAR_OF_NETWORK = 14;
const MOST_TRIED = 60; // spots of one leaf: where long edges meet many genes, no spot may be clear

const LEAVES = GENES.filter((gene) => gene.responder === true);
const NODES = GENES.filter((gene) => gene.responder !== true);
const isLeafEdge = (edge) => edge.child.responder === true;

// The network as it was laid out; whatever is moved is moved from there.
const HOME = {
  genes: NODES.map((gene) => ({ x: gene.x, y: gene.y })),
  routes: new Map(EDGES.filter((edge) => !isLeafEdge(edge)).map((edge) => [edge, pointsOf(edge)])),
  heading: DATA.heading.at,
};

function roomOfNetwork() {
  const span = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity) - values.reduce((a, b) => Math.min(a, b), Infinity);
  const width = span(NODES.flatMap((gene, i) => [HOME.genes[i].x - gene.width / 2, HOME.genes[i].x + gene.width / 2]));
  const height = span(HOME.genes.map((at) => at.y)) + LOOK.height;
  return (width + 2 * AROUND_NETWORK) * (height + 2 * AROUND_NETWORK);
}

function stretchFor(leaves) {
  const needed = leaves.reduce((sum, leaf) => sum + (leaf.width + LEAF_GAP) * (LEAF_HEIGHT + LEAF_GAP), 0) / FILLED;
  return Math.sqrt(1 + needed / roomOfNetwork());
}

function spreadNetwork(stretch) {
  NODES.forEach((gene, i) => {
    gene.x = HOME.genes[i].x * stretch;
    gene.y = HOME.genes[i].y * stretch;
  });
  for (const [edge, points] of HOME.routes) edge.route = points.flatMap((point, i) => spreadPoint(edge, points, i, stretch));
  DATA.heading.at = HOME.heading.map((value) => value * stretch);
}

// Ends stay where they were on their boxes, which do not grow; pieces that run upright into an end stay upright.
function spreadPoint(edge, points, i, stretch) {
  const last = points.length - 1;
  const point = points[i];
  const shift = (gene) => ({ x: gene.x - gene.x / stretch, y: gene.y - gene.y / stretch });
  const above = (end) => Math.abs(point.x - end.x) < 0.5;
  const start = shift(edge.parent);
  const end = shift(edge.child);
  const fixed = i === 0 ? start : i === last || (above(points[last]) && Math.abs(points[last].y - point.y) < 9) ? end : null;
  if (fixed !== null) return [point.x + fixed.x, point.y + fixed.y];
  const x = above(points[last]) ? point.x + end.x : above(points[0]) ? point.x + start.x : point.x * stretch;
  return [x, point.y * stretch];
}

// Boxes by the cells of a grid that they touch.
class Occupied {
  constructor() { this.cells = new Map(); }

  keys(box) {
    const found = [];
    for (let i = Math.floor(box.x1 / CELL); i <= Math.floor(box.x2 / CELL); i += 1) {
      for (let j = Math.floor(box.y1 / CELL); j <= Math.floor(box.y2 / CELL); j += 1) found.push(i * 1e5 + j);
    }
    return found;
  }

  add(box) {
    for (const key of this.keys(box)) {
      if (!this.cells.has(key)) this.cells.set(key, []);
      this.cells.get(key).push(box);
    }
  }

  // Whether nothing is there but the box of `gene` itself.
  isFree(box, gene = null) {
    const apart = (other) => (gene !== null && other.gene === gene) || other.x1 >= box.x2 || other.x2 <= box.x1 || other.y1 >= box.y2 || other.y2 <= box.y1;
    return this.keys(box).every((key) => (this.cells.get(key) ?? []).every(apart));
  }
}

function boxAround(x, y, width, height, gap = 0) {
  return { x1: x - width / 2 - gap, x2: x + width / 2 + gap, y1: y - height / 2 - gap, y2: y + height / 2 + gap };
}

// Points on the curve of an edge, so close to each other that no leaf fits between them.
function alongRoute(edge) {
  const points = pointsOf(edge);
  const last = points.length - 1;
  const found = [];
  let from = points[0];
  for (let i = 1; i <= last; i += 1) {
    const to = i >= last - 1 ? points[last] : middle(points[i], points[i + 1]);
    const n = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / (LEAF_HEIGHT / 2)) + 1;
    for (let k = 0; k <= n; k += 1) found.push(onPiece(from, last === 1 ? middle(from, to) : points[i], to, k / n));
    from = to;
    if (i === last - 1) break;
  }
  return found;
}

function onPiece(from, control, to, t) {
  const at = (a, c, b) => (1 - t) ** 2 * a + 2 * t * (1 - t) * c + t ** 2 * b;
  return { x: at(from.x, control.x, to.x), y: at(from.y, control.y, to.y) };
}

// Spots of a ring, those below first: there edges run down, as they do in the network.
function spotsOf(center, ring) {
  const d = center.near + ring * RING;
  const [a, b] = [(center.width + LEAF_WIDTH) / 2 + d * FLAT, center.height / 2 + d];
  const n = Math.max(6, Math.ceil(2 * Math.PI * Math.sqrt((a * a + b * b) / 2) / SPOT));
  return Array.from({ length: n }, (_, k) => {
    const angle = Math.PI / 2 + (k % 2 ? 1 : -1) * Math.ceil(k / 2) * (2 * Math.PI / n);
    return { x: center.x + a * Math.cos(angle), y: center.y + b * Math.sin(angle) };
  });
}

function centerOf(regulators) {
  const mean = (name) => regulators.reduce((sum, gene) => sum + gene[name], 0) / regulators.length;
  const searched = { regulators, rings: [], first: 0 };
  if (regulators.length > 1) return { ...searched, x: mean("x"), y: mean("y"), width: 0, height: 0, near: 0 };
  const [gene] = regulators;
  return { ...searched, x: gene.x, y: gene.y, width: gene.width, height: LOOK.height, near: CLEARANCE };
}

function alongLine(from, to) {
  const n = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / (LEAF_HEIGHT / 2));
  return Array.from({ length: n + 1 }, (_, k) => ({ x: from.x + (to.x - from.x) * k / n, y: from.y + (to.y - from.y) * k / n }));
}

// What no leaf may lie on, and what it should not; boxes know their gene.
function takenByNetwork() {
  const taken = { boxes: new Occupied(), genes: new Occupied(), leaves: new Occupied(), lines: new Occupied() };
  for (const gene of NODES) {
    taken.boxes.add(boxAround(gene.x, gene.y, gene.width, LOOK.height, 9));
    taken.genes.add({ ...boxAround(gene.x, gene.y, gene.width, LOOK.height, 2), gene });
  }
  for (const edge of HOME.routes.keys()) {
    for (const point of alongRoute(edge)) taken.boxes.add(boxAround(point.x, point.y, 3, 3));
  }
  if (DATA.heading.text) taken.boxes.add(boxAround(...DATA.heading.at, 5 * DATA.heading.text.length, LEAF_HEIGHT));
  return taken;
}

// `regulatorsOf` gives those of a leaf that are unfolded. The same leaves always stand at the same places.
function placeLeaves(leaves, regulatorsOf) {
  const taken = takenByNetwork();
  const centers = new Map();
  for (const leaf of leaves) {
    const regulators = regulatorsOf(leaf);
    const key = regulators.map((gene) => gene.id).join();
    if (!centers.has(key)) centers.set(key, centerOf(regulators));
    const { x, y } = freeSpot(leaf, centers.get(key), taken);
    Object.assign(leaf, { x, y });
    const box = boxAround(x, y, leaf.width, LEAF_HEIGHT, LEAF_GAP / 2);
    taken.boxes.add(box);
    taken.leaves.add(box);
    for (const gene of regulators) for (const point of alongLine(gene, leaf)) taken.lines.add(boxAround(point.x, point.y, 2, 2));
  }
}

// What is known of a spot stays true: it is not free any more, or lies behind the network.
function freeSpot(leaf, center, taken) {
  const box = (at) => boxAround(at.x, at.y, leaf.width, LEAF_HEIGHT, LEAF_GAP / 2);
  const under = (at, what) => center.regulators.some((gene) => alongLine(gene, at).some((point) => !what.isFree(boxAround(point.x, point.y, 2, 2), gene)));
  let next = null; // the nearest that is clear of the network, and the nearest of all
  let any = null;
  let tried = 0;
  for (let ring = center.first; ring - center.first < RINGS_CLEAR_OF_NETWORK || any === null; ring += 1) {
    if (next !== null && ring >= RINGS_CLEAR) break;
    for (const at of center.rings[ring] ??= spotsOf(center, ring)) {
      if (at.gone || (at.behind && any !== null)) continue;
      at.gone = !taken.boxes.isFree(box(at));
      if (at.gone) continue;
      any ??= at;
      if (at.behind === undefined && (tried += 1) > MOST_TRIED) return next ?? any;
      at.behind ??= under(at, taken.genes);
      if (at.behind) continue;
      next ??= at;
      if (ring >= RINGS_CLEAR || (taken.lines.isFree(box(at)) && !under(at, taken.leaves))) return at;
    }
    if (ring === center.first && center.rings[ring].every((at) => at.gone)) center.first += 1;
  }
  return next ?? any;
}

// A straight line from the border of the regulator to that of the leaf.
function routeToLeaf(edge) {
  const { parent, child } = edge;
  const dx = child.x - parent.x;
  const dy = child.y - parent.y;
  const share = (width, height) => 1 / Math.max(Math.abs(dx) / (width / 2), Math.abs(dy) / (height / 2), 1e-9);
  const room = edge.sign === "negative" ? 2.5 : 1;
  const leave = share(parent.width, LOOK.height);
  const arrive = 1 - share(child.width + 2 * room, LEAF_HEIGHT + 2 * room);
  return [parent.x + leave * dx, parent.y + leave * dy, parent.x + arrive * dx, parent.y + arrive * dy];
}
