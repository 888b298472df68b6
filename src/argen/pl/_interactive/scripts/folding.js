"use strict";
// Which regulators are unfolded, what is shown of their responders, and what a regulator says of those that are not.

const REGULATORS = NODES.filter((gene) => gene.outs.some(isLeafEdge));
const unfolded = new Set();
let sought = null; // a leaf that is shown though the filters leave out all its edges

const leafEdges = (gene) => gene.outs.filter(isLeafEdge);
const passingLeafEdges = (gene) => leafEdges(gene).filter(passes);
const openRegulators = (leaf) => leaf.ins.map((edge) => edge.parent).filter((gene) => unfolded.has(gene));
const foldedRegulators = (leaf) => leaf.ins.map((edge) => edge.parent).filter((gene) => !unfolded.has(gene));

for (const leaf of LEAVES) leaf.ownWidth = leaf.width;
LEAVES.sort((a, b) => strongest(b) - strongest(a) || a.index - b.index); // the strongest nearest

function strongest(leaf) {
  return Math.max(...leaf.ins.map((edge) => edge.size ?? 0));
}

// What stands in the box of a leaf: its name, and how many more regulators it has that are folded.
function leafLabel(leaf) {
  const more = foldedRegulators(leaf).length;
  return leaf.name.replace(/\s/g, " ") + (more ? ` ←${more}` : "");
}

// Filters change what is shown of the leaves, but no place: nothing jumps while a slider is moved.
function arrangeLeaves() {
  const leaves = LEAVES.filter((leaf) => openRegulators(leaf).length > 0);
  for (const leaf of leaves) leaf.width = leaf.ownWidth + (leafLabel(leaf).length - leaf.name.length) * 4.6;
  spreadNetwork(stretchFor(leaves));
  placeLeaves(leaves, openRegulators);
  for (const leaf of leaves) for (const edge of leaf.ins) edge.route = routeToLeaf(edge);
  cy.batch(() => {
    for (const gene of [...NODES, ...leaves]) elementOf(gene).position({ x: gene.x, y: gene.y });
    for (const leaf of leaves) elementOf(leaf).data({ name: leafLabel(leaf), width: leaf.width });
    for (const edge of [...HOME.routes.keys(), ...leaves.flatMap((leaf) => leaf.ins)]) elementOf(edge).data(edgeElement(edge).data);
    if (DATA.heading.text) cy.getElementById("heading").position({ x: DATA.heading.at[0], y: DATA.heading.at[1] });
  });
}

function setFolding(genes, open) {
  for (const gene of genes) {
    if (open) unfolded.add(gene);
    else unfolded.delete(gene);
  }
  if (!open) sought = null;
  arrangeLeaves();
  applyFilters();
}

// One regulator: it stays where it is on the screen, and what was unfolded comes into view.
function toggleResponders(gene) {
  const before = { x: gene.x, y: gene.y };
  setFolding([gene], !unfolded.has(gene));
  cy.stop();
  cy.panBy({ x: (before.x - gene.x) * cy.zoom(), y: (before.y - gene.y) * cy.zoom() });
  if (unfolded.has(gene)) showAround(gene);
}

function showAround(gene) {
  const around = [gene, ...passingLeafEdges(gene).map((edge) => edge.child)];
  const box = cy.collection(around.map((one) => elementOf(one)[0])).boundingBox({ includeOverlays: false });
  const view = cy.extent();
  if (box.x1 >= view.x1 && box.x2 <= view.x2 && box.y1 >= view.y1 && box.y2 <= view.y2) return;
  const key = document.getElementById("key").offsetHeight; // lies over the drawing
  const zoom = Math.min(cy.zoom(), 0.9 * cy.width() / box.w, 0.9 * (cy.height() - key) / box.h);
  moveTo((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, zoom, true, -key / 2);
}

function toggleAll(open) {
  setFolding(REGULATORS, open);
  fitAll(true);
}

// In place of that of the network alone: an edge to a responder is shown if its regulator is unfolded, a responder if
// one of its edges is. A gene whose responders are folded is none without an edge.
applyFilters = () => {
  for (const edge of EDGES) edge.shown = passes(edge) && (!isLeafEdge(edge) || unfolded.has(edge.parent));
  for (const gene of NODES) {
    gene.degree = [...gene.ins, ...gene.outs].filter(passes).length;
    gene.visible = gene.degree > 0 || !limits.hideAlone;
  }
  for (const leaf of LEAVES) {
    leaf.degree = shownEdges(leaf).length;
    leaf.visible = leaf.degree > 0 || leaf === sought;
  }
  cy.batch(() => {
    for (const edge of EDGES) elementOf(edge).toggleClass("off", !edge.shown);
    for (const gene of GENES) elementOf(gene).toggleClass("off", !gene.visible).toggleClass("alone", gene.degree === 0);
    cy.getElementById("heading").toggleClass("off", limits.hideAlone);
  });
  if (selected !== null && (selected.shown === false || selected.visible === false)) selected = null;
  countShown();
  showCounts();
  refreshSelection();
};

countShown = () => {
  const part = (edges, noun) => {
    const n = edges.filter(passes).length;
    return n === edges.length ? counted(n, noun) : `${n} of ${counted(edges.length, noun)}`;
  };
  const inner = part(EDGES.filter((edge) => !isLeafEdge(edge)), "edge");
  const outer = part(EDGES.filter(isLeafEdge), "edge");
  const drawn = EDGES.filter((edge) => isLeafEdge(edge) && edge.shown).length;
  const alone = NODES.filter((gene) => gene.degree === 0).length;
  const without = alone ? `, ${counted(alone, "gene")} without a shown edge${limits.hideAlone ? " hidden" : ""}` : "";
  document.getElementById("count").textContent = `${counted(NODES.length, "gene")}, ${inner}; ${counted(LEAVES.length, "responder")}, ${outer}`;
  document.getElementById("filter-count").textContent = `${inner} shown${without}. To responders: ${outer}, ${drawn} unfolded.`;
};
