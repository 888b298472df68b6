"use strict";
// Genes and edges as objects that know each other. Elements of the drawing are known by number, never by name.

const DATA = JSON.parse(document.getElementById("network-data").textContent);
const LOOK = DATA.look;

function rowsOf(table) {
  return table.rows.map((row, index) => {
    const entry = { index };
    table.columns.forEach((name, i) => { entry[name] = row[i]; });
    return entry;
  });
}

const GENES = rowsOf(DATA.genes);
const EDGES = rowsOf(DATA.edges);

for (const gene of GENES) {
  gene.id = `g${gene.index}`;
  gene.ins = [];
  gene.outs = [];
}
for (const edge of EDGES) {
  edge.id = `e${edge.index}`;
  edge.parent = GENES[edge.source];
  edge.child = GENES[edge.target];
  edge.size = edge.coef === null ? null : Math.abs(edge.coef);
  edge.sign = edge.coef === null ? "unknown" : edge.coef < 0 ? "negative" : "positive";
  edge.shown = true;
  edge.parent.outs.push(edge);
  edge.child.ins.push(edge);
}

const HAS_P = EDGES.some((edge) => typeof edge.p === "number");

function shownEdges(gene) {
  return [...gene.ins, ...gene.outs].filter((edge) => edge.shown);
}

function counted(n, noun) {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
