"use strict";
// Looks and controls of responders: counts in the boxes of their regulators, buttons, panel, search, key and picture.
// What is kept in BASE is the function of a page without responders, which the one here builds upon.

const BASE = { select, choose, centreOn, geneFacts, showSelected, refreshSelection, importantGenes, searchNote, keyEntries, keySample, drawnGene };
const allUnfolded = () => unfolded.size === REGULATORS.length;
const countText = (gene) => `${unfolded.has(gene) ? "−" : "+"}${passingLeafEdges(gene).length}`;
const responders = (n) => counted(n, "responder");

cy.style()
  .selector("node.counted").style({ "text-margin-x": "data(shift)" })
  .selector("node.leaf").style({ height: LEAF_HEIGHT, "font-size": LOOK.small_font, "background-color": LOOK.alone_face, "border-color": LOOK.alone_border, "corner-radius": LEAF_HEIGHT / 2, "min-zoomed-font-size": 4 })
  .selector("node.leaf.hovered").style({ "border-color": LOOK.ink })
  .selector("node.leaf.chosen").style({ "background-color": LOOK.ink, "border-color": LOOK.ink })
  .selector(".off").style({ display: "none" })
  .update();
cy.batch(() => {
  for (const leaf of LEAVES) elementOf(leaf).addClass("leaf");
  for (const gene of REGULATORS) elementOf(gene).addClass("counted").data("shift", -gene.room / 2);
});

// Counts are buttons that lie over the drawing and move with it. Keys reach them by the panel of their gene, so that
// nobody has to tab through all of them.
const countLayer = view.appendChild(make("div", { id: "counts" }));
for (const gene of REGULATORS) {
  gene.count = button("count", "", () => toggleResponders(gene));
  gene.count.tabIndex = -1;
  gene.count.style.width = `${gene.room}px`;
  gene.count.style.height = `${LOOK.height}px`;
  // To the drawing a press on a count is none on the gene below it.
  for (const kind of ["mousedown", "touchstart", "pointerdown", "dblclick"]) gene.count.addEventListener(kind, (event) => event.stopPropagation());
  countLayer.append(gene.count);
}

function showCounts() {
  for (const gene of REGULATORS) {
    const n = passingLeafEdges(gene).length;
    gene.count.hidden = n === 0 || !gene.visible;
    gene.count.textContent = countText(gene);
    gene.count.style.left = `${gene.x + gene.width / 2 - gene.room}px`;
    gene.count.style.top = `${gene.y - LOOK.height / 2}px`;
    gene.count.title = `${unfolded.has(gene) ? "Fold" : "Show"} the ${responders(n)} of ${gene.name}`;
    gene.count.setAttribute("aria-label", gene.count.title);
    gene.count.setAttribute("aria-expanded", String(unfolded.has(gene)));
  }
  document.getElementById("unfold-all").disabled = allUnfolded();
  document.getElementById("fold-all").disabled = unfolded.size === 0;
}

function moveCounts() {
  const { x, y } = cy.pan();
  countLayer.style.transform = `translate(${x}px, ${y}px) scale(${cy.zoom()})`;
  countLayer.hidden = cy.zoom() * LOOK.small_font < 4;
}
cy.on("viewport", moveCounts);
cy.on("dbltap", "node.gene", (event) => {
  const gene = nameOf(event.target);
  if (REGULATORS.includes(gene)) toggleResponders(gene);
});

const allButton = (id, text, open) => {
  const element = button("all", text, () => {
    toggleAll(open);
    document.getElementById(open ? "fold-all" : "unfold-all").focus(); // the one that was pressed is spent
  });
  element.id = id;
  return element;
};
document.getElementById("filters").before(make("section", { class: "card", id: "responders" },
  make("h2", { text: "Responders" }),
  make("p", { class: "hint", text: `${responders(LEAVES.length)}: genes that are measured but no genes of the network. The count beside a gene shows and folds its own; so does a double click on it.` }),
  make("div", { class: "bar" }, allButton("unfold-all", "Unfold all", true), allButton("fold-all", "Fold all", false))));

// Whatever is chosen has to be seen: a responder, or an edge to one, unfolds what it is folded into.
select = (entry) => {
  const isLeaf = entry !== null && entry.responder === true;
  if (sought !== null && sought !== entry) {
    sought = null;
    applyFilters();
  }
  if (isLeaf && !entry.visible) reveal(entry);
  if (entry !== null && entry.parent !== undefined && isLeafEdge(entry) && !entry.shown) setFolding([entry.parent], true);
  BASE.select(entry);
};

function reveal(leaf) {
  if (openRegulators(leaf).length === 0) setFolding(foldedRegulators(leaf), true);
  if (leaf.visible) return;
  sought = leaf;
  applyFilters();
}

choose = (gene) => {
  if (gene.responder && foldedRegulators(gene).length) setFolding(foldedRegulators(gene), true);
  BASE.choose(gene);
};

refreshSelection = () => {
  BASE.refreshSelection();
  for (const gene of REGULATORS) {
    gene.count.classList.toggle("faded", isFaded(gene));
    gene.count.classList.toggle("chosen", gene === selected);
  }
};

// From afar leaves have no names of their own, but for those of a selection.
importantGenes = () => BASE.importantGenes().filter((gene) => !gene.responder || isChosen(gene));

geneFacts = (gene) => {
  if (gene.responder) return factTable([["measured", "no gene of the network"], ["regulators", number("n_parents", gene.n_parents)]]);
  const table = BASE.geneFacts(gene);
  table.tBodies[0].append(...factTable([["responders", number("n_responders", gene.n_responders)]]).querySelectorAll("tr"));
  return table;
};

const bySize = (edges) => edges.slice().sort((a, b) => b.size - a.size);

showSelected = (edges) => {
  const isLeaf = selected !== null && selected.responder === true;
  if (isLeaf) showLeaf(selected);
  else BASE.showSelected(edges.filter((edge) => edge === selected || !isLeafEdge(edge)));
  if (selected !== null && REGULATORS.includes(selected)) listResponders(selected);
};

function listResponders(gene) {
  const edges = bySize(passingLeafEdges(gene));
  const open = unfolded.has(gene);
  const text = `${open ? "Fold" : "Show"} its ${responders(edges.length)}`;
  const list = neighbourList(open ? "Responders shown" : "Responders folded", edges.map((edge) => [edge.child, edge]));
  const toggle = edges.length ? [foldingButton(text, () => toggleResponders(gene))] : [];
  document.getElementById("selected-body").append(...toggle, list);
}

// The panel is made anew when it is pressed: the new button has the focus then.
function foldingButton(text, action) {
  const element = button("folding", text, () => {
    action();
    const next = document.querySelector("#selected-body .folding") ?? document.querySelector("#selected-body button");
    if (next) next.focus({ preventScroll: true });
  });
  return element;
}

// A responder with the numbers of every edge that the filters leave it, drawn or not.
function showLeaf(leaf) {
  selectedCard.hidden = false;
  document.getElementById("selected-title").textContent = leaf.name;
  const edges = bySize(leaf.ins.filter(passes));
  const list = neighbourList("Regulators", edges.map((edge) => [edge.parent, edge]));
  list.classList.add("of-leaf");
  list.querySelectorAll("li").forEach((item, i) => item.after(make("li", {}, testFacts(edges[i]))));
  const folded = foldedRegulators(leaf);
  const more = folded.length ? [foldingButton(`Unfold ${counted(folded.length, "folded regulator")}`, () => setFolding(folded, true))] : [];
  document.getElementById("selected-body").replaceChildren(...factsOf(leaf), list, ...more);
}

function testFacts(edge) {
  return factTable([
    ["effect", number("coef", edge.coef)],
    known(edge, "ci_low") && ["95 % interval", ...interval(edge, "ci_low", "ci_high")],
    HAS_P && ["p", number("p", edge.p)],
    known(edge, "padj") && ["adjusted p", number("padj", edge.padj)],
    known(edge, "flags") && ["flags", edge.flags],
  ]);
}

searchNote = (text, nShown) => {
  const note = BASE.searchNote(text, nShown);
  if (!text.trim() || matches.length) return note;
  const out = DATA.left_out.filter((name) => name.toLowerCase().includes(text.trim().toLowerCase()));
  if (out.length) return `${out[0]}${out.length > 1 ? ` and ${out.length - 1} more` : ""}: not among the genes that are shown, nor among their responders.`;
  return `No gene of the network and no responder of it has “${text.trim()}” in its name.`;
};

keyEntries = () => [
  ...BASE.keyEntries(),
  ...[{ text: "responder: measured, not in the network", leaf: "" }, { text: "number of its responders", leaf: "+3" }, { text: "further regulators, folded", leaf: "←1" }]
    .map((entry) => ({ ...entry, width: SAMPLE + 14 + 0.56 * LOOK.small_font * entry.text.length })),
];

keySample = (entry) => {
  if (entry.leaf === undefined) return BASE.keySample(entry);
  const box = { x: 3, y: -LEAF_HEIGHT / 2 + 1, width: 24, height: LEAF_HEIGHT - 2, rx: (LEAF_HEIGHT - 2) / 2, fill: LOOK.alone_face, stroke: LOOK.alone_border };
  const text = words("key", SAMPLE / 2, 0, entry.leaf, LOOK.small_font, entry.leaf.startsWith("+") ? LOOK.positive : LOOK.ink);
  return shape("g", {}, ...(entry.leaf.startsWith("+") ? [] : [shape("rect", box)]), text);
};

drawnGene = (gene) => {
  const group = BASE.drawnGene(gene);
  const [box, text] = group.children;
  if (gene.responder) {
    const look = { y: (gene.y - LEAF_HEIGHT / 2).toFixed(2), height: LEAF_HEIGHT, rx: LEAF_HEIGHT / 2, ...(gene === selected ? {} : { fill: LOOK.alone_face, stroke: LOOK.alone_border }) };
    for (const [name, value] of Object.entries(look)) box.setAttribute(name, value);
    text.replaceWith(words("gene", gene.x, gene.y, leafLabel(gene), LOOK.small_font, text.getAttribute("fill")));
  } else if (gene.count && !gene.count.hidden) {
    text.setAttribute("x", (gene.x - gene.room / 2).toFixed(2));
    group.append(words("count", gene.x + (gene.width - gene.room) / 2, gene.y, countText(gene), LOOK.small_font, gene === selected ? "#fff" : LOOK.positive));
  } else if (gene.count) text.setAttribute("x", (gene.x - gene.room / 2).toFixed(2));
  return group;
};
