"use strict";
// Which edges are shown: p at most so much, |effect| at least so much. A slider goes from one value of the edges to
// the next; its field shows the limit as it is applied.

const limits = { p: 1, effect: 0, hideAlone: false };
const unique = (values) => [...new Set(values.filter((value) => typeof value === "number"))].sort((a, b) => a - b);
const P_VALUES = unique(EDGES.map((edge) => edge.p));
const SIZES = unique(EDGES.map((edge) => edge.size));

// An edge without a p-value was put there by prior knowledge, and no p leaves it out.
function passes(edge) {
  const byP = typeof edge.p !== "number" || edge.p <= limits.p;
  return byP && (edge.size === null || edge.size >= limits.effect);
}

function applyFilters() {
  for (const edge of EDGES) edge.shown = passes(edge);
  for (const gene of GENES) {
    gene.degree = shownEdges(gene).length;
    gene.visible = gene.degree > 0 || !limits.hideAlone;
  }
  cy.batch(() => {
    for (const edge of EDGES) elementOf(edge).toggleClass("off", !edge.shown);
    for (const gene of GENES) elementOf(gene).toggleClass("off", !gene.visible).toggleClass("alone", gene.degree === 0);
    cy.getElementById("heading").toggleClass("off", limits.hideAlone);
  });
  if (selected !== null && selected.parent !== undefined && !selected.shown) selected = null;
  if (selected !== null && selected.visible === false) selected = null;
  countShown();
  refreshSelection();
}

function countShown() {
  const n = EDGES.filter((edge) => edge.shown).length;
  const alone = GENES.filter((gene) => gene.degree === 0).length;
  const of = EDGES.length === n ? counted(n, "edge") : `${n} of ${counted(EDGES.length, "edge")}`;
  const without = alone ? `, ${counted(alone, "gene")} without a shown edge${limits.hideAlone ? " hidden" : ""}` : "";
  document.getElementById("count").textContent = `${counted(GENES.length, "gene")}, ${of}`;
  document.getElementById("filter-count").textContent = `${of} shown${without}.`;
}

const FILTERS = {
  p: {
    name: "p", start: 1, field: document.getElementById("max-p"), slider: document.getElementById("max-p-slider"),
    last: P_VALUES.length, first: Math.min(1, P_VALUES.length),
    at: (i) => (i >= P_VALUES.length ? 1 : shortestFrom(P_VALUES[i - 1], P_VALUES[i])),
    position: (limit) => P_VALUES.filter((value) => value <= limit).length,
  },
  effect: {
    name: "effect", start: 0, field: document.getElementById("min-effect"), slider: document.getElementById("min-effect-slider"),
    last: Math.max(SIZES.length - 1, 0), first: 0,
    at: (i) => (i <= 0 ? 0 : shortestUpTo(SIZES[i - 1], SIZES[i])),
    position: (limit) => SIZES.filter((value) => value < limit).length,
  },
};

function setLimit(filter, value) {
  limits[filter.name] = value;
  filter.field.removeAttribute("aria-invalid");
  filter.slider.value = filter.position(value);
  filter.slider.setAttribute("aria-valuetext", String(value));
  applyFilters();
}

function readField(filter) {
  const value = filter.field.value.trim() === "" && !filter.field.validity.badInput ? filter.start : Number(filter.field.value || NaN);
  if (value >= 0) setLimit(filter, value);
  else filter.field.setAttribute("aria-invalid", "true");
}

function connectFilters() {
  for (const filter of Object.values(FILTERS)) {
    filter.slider.min = filter.first;
    filter.slider.max = filter.last;
    filter.slider.value = filter.position(filter.start);
    filter.field.value = filter.start;
    filter.slider.addEventListener("input", () => {
      const value = filter.at(Number(filter.slider.value));
      filter.field.value = value;
      setLimit(filter, value);
    });
    filter.field.addEventListener("input", () => readField(filter));
  }
  document.getElementById("hide-alone").addEventListener("change", (event) => {
    limits.hideAlone = event.target.checked;
    applyFilters();
  });
  document.getElementById("reset-filters").addEventListener("click", resetFilters);
  document.getElementById("filters").hidden = EDGES.length === 0;
  explainMissingP();
  applyFilters();
}

function explainMissingP() {
  const untested = EDGES.filter((edge) => typeof edge.p !== "number").length;
  const note = document.getElementById("no-p");
  document.getElementById("filter-p").hidden = !HAS_P;
  note.hidden = untested === 0;
  if (!HAS_P) note.textContent = "This network has no p-values to filter by.";
  else if (untested) note.textContent = `${counted(untested, "edge")} without a p-value (required by prior knowledge) stay at any p.`;
}

function resetFilters() {
  document.getElementById("hide-alone").checked = false;
  limits.hideAlone = false;
  for (const filter of Object.values(FILTERS)) {
    filter.field.value = filter.start;
    setLimit(filter, filter.start);
  }
}
