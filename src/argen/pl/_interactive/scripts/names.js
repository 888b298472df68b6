"use strict";
// From afar no name in a box can be read: names of the genes with most edges stand there instead, none on another.

const LEGIBLE = 7; // pixels of the letters in the boxes
const MOST_NAMES = 60;
const NAME_HEIGHT = 14;
const names = document.getElementById("names");
const namePool = [];
const pen = document.createElement("canvas").getContext("2d");
pen.font = "600 11px Arial, sans-serif";
let namesAsked = false;

function askForNames() {
  if (namesAsked) return;
  namesAsked = true;
  requestAnimationFrame(() => { namesAsked = false; placeNames(); });
}

function placeNames() {
  const found = cy.zoom() * LOOK.font < LEGIBLE ? namesThatFit() : [];
  while (namePool.length < found.length) namePool.push(names.appendChild(document.createElement("span")));
  namePool.forEach((span, i) => {
    span.hidden = i >= found.length;
    if (span.hidden) return;
    span.textContent = found[i].gene.name;
    span.classList.toggle("faded", found[i].faded);
    span.style.transform = `translate(${found[i].x - found[i].w / 2}px, ${found[i].y - NAME_HEIGHT / 2}px)`;
  });
}

function namesThatFit() {
  const zoom = cy.zoom();
  const pan = cy.pan();
  const placed = [];
  for (const gene of importantGenes()) {
    if (placed.length === MOST_NAMES) break;
    gene.labelWidth ??= pen.measureText(gene.name).width + 6;
    const spot = { gene, x: zoom * gene.x + pan.x, y: zoom * gene.y + pan.y, w: gene.labelWidth, faded: isFaded(gene) };
    const inside = spot.x > 0 && spot.y > 0 && spot.x < cy.width() && spot.y < cy.height();
    if (inside && !placed.some((other) => tooClose(spot, other))) placed.push(spot);
  }
  return placed;
}

function tooClose(a, b) {
  return Math.abs(a.x - b.x) < (a.w + b.w) / 2 + 4 && Math.abs(a.y - b.y) < NAME_HEIGHT + 3;
}

// Those of the selection first, then those with the most edges that are shown; faded ones not at all.
function importantGenes() {
  const candidates = GENES.filter((gene) => gene.degree > 0 && gene.visible && !isFaded(gene));
  return candidates.sort((a, b) => isChosen(b) - isChosen(a) || b.degree - a.degree || a.index - b.index);
}
