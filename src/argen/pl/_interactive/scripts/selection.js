"use strict";
// The gene or edge that was chosen: it and its neighbours stay, the rest is faded.

const MOST_EFFECTS = 30; // more numbers beside edges than that are not read
const selectedCard = document.getElementById("selected");
let selected = null;
let kept = null; // ids that stay, null if all do

const isFaded = (gene) => kept !== null && !kept.has(gene.id);
const isChosen = (gene) => (selected === gene ? 2 : kept !== null && kept.has(gene.id) ? 1 : 0);

function select(entry) {
  selected = entry;
  refreshSelection();
}

function refreshSelection() {
  const edges = selected === null ? [] : selected.parent === undefined ? shownEdges(selected) : [selected];
  kept = selected === null ? null : new Set([selected.id, ...edges.flatMap((edge) => [edge.id, edge.parent.id, edge.child.id])]);
  cy.batch(() => {
    cy.elements().removeClass("chosen effect-at-child effect-at-parent");
    cy.elements().forEach((element) => { element.toggleClass("faded", kept !== null && !kept.has(element.id())); });
    if (selected !== null) elementOf(selected).addClass("chosen");
    for (const edge of effectsWritten()) elementOf(edge).addClass(edge.child === selected ? "effect-at-parent" : "effect-at-child");
  });
  showSelected(edges);
  askForNames();
}

// Edges whose effect stands beside them, so that sign and size can be read without colour.
function effectsWritten() {
  if (selected === null) return [];
  if (selected.parent !== undefined) return [selected];
  const edges = shownEdges(selected);
  return edges.length <= MOST_EFFECTS ? edges : [];
}

function showSelected(edges) {
  selectedCard.hidden = selected === null;
  if (selected === null) return;
  document.getElementById("selected-title").textContent = titleOf(selected);
  const body = document.getElementById("selected-body");
  body.replaceChildren(...factsOf(selected));
  if (selected.parent !== undefined) {
    body.append(neighbourList("Genes", [selected.parent, selected.child].map((gene) => [gene, null])));
    return;
  }
  const pairs = (list, end) => list.filter((edge) => edges.includes(edge)).sort((a, b) => b.size - a.size).map((edge) => [edge[end], edge]);
  body.append(neighbourList("Parents shown", pairs(selected.ins, "parent")), neighbourList("Children shown", pairs(selected.outs, "child")));
}

function neighbourList(title, pairs) {
  const items = pairs.map(([gene, edge]) => {
    const item = make("li", {}, button("gene", gene.name, () => { select(gene); centreOn(gene); }));
    if (edge !== null) {
      const effect = button(`effect ${edge.sign}`, signed(edge.coef), () => select(edge));
      effect.setAttribute("aria-label", `Edge ${edgeTitle(edge)}, effect ${signed(edge.coef)}`);
      item.append(effect);
    }
    return item;
  });
  const list = pairs.length ? make("ul", {}, ...items) : make("p", { class: "hint", text: "none" });
  return make("div", { class: "neighbours" }, make("h3", { text: `${title} (${pairs.length})` }), list);
}

function button(kind, text, action) {
  const element = make("button", { type: "button", class: kind, text });
  element.addEventListener("click", action);
  return element;
}

function connectPointer() {
  cy.on("mouseover", "node.gene, edge", (event) => {
    event.target.addClass("hovered");
    view.style.cursor = "pointer";
    showTooltip(nameOf(event.target), event.originalEvent.clientX, event.originalEvent.clientY);
  });
  cy.on("mousemove", "node.gene, edge", (event) => {
    if (!tooltip.hidden) showTooltip(nameOf(event.target), event.originalEvent.clientX, event.originalEvent.clientY);
  });
  const leave = () => {
    cy.$(".hovered").removeClass("hovered");
    view.style.cursor = "";
    hideTooltip();
  };
  cy.on("mouseout", "node.gene, edge", leave);
  view.addEventListener("pointerleave", leave); // Cytoscape does not see where a pointer goes outside
  cy.on("tap", (event) => {
    const onBackground = event.target === cy;
    select(onBackground ? null : nameOf(event.target));
    const touch = event.originalEvent.changedTouches?.[0];
    if (touch && !onBackground) showTooltip(selected, touch.clientX, touch.clientY);
    else if (onBackground) hideTooltip();
  });
  cy.on("viewport", () => { hideTooltip(); askForNames(); });
  document.getElementById("clear").addEventListener("click", () => { select(null); view.focus(); });
}
