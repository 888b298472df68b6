"use strict";
// Search of a gene: a list of names that hold what was typed, those that start with it first.

const MOST_MATCHES = 50;
const searchField = document.getElementById("search");
const matchList = document.getElementById("matches");
const foundNote = document.getElementById("found");
let matches = [];
let current = -1;

function matching(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const rank = (gene) => {
    const name = gene.name.toLowerCase();
    return name === wanted ? 0 : name.startsWith(wanted) ? 1 : name.includes(wanted) ? 2 : 3;
  };
  return GENES.map((gene) => [rank(gene), gene]).filter(([r]) => r < 3).sort((a, b) => a[0] - b[0] || a[1].index - b[1].index).map(([, gene]) => gene);
}

function showMatches() {
  const text = searchField.value;
  matches = matching(text);
  current = matches.length ? 0 : -1;
  const shown = matches.slice(0, MOST_MATCHES);
  matchList.replaceChildren(...shown.map((gene, i) => {
    const item = make("li", { id: `match-${i}`, role: "option", "aria-selected": String(i === current), text: gene.name });
    item.addEventListener("mousedown", (event) => { event.preventDefault(); choose(gene); });
    return item;
  }));
  openList(matches.length > 0);
  foundNote.textContent = searchNote(text, shown.length);
}

function searchNote(text, nShown) {
  if (!text.trim()) return "";
  if (matches.length) return matches.length > nShown ? `${nShown} of ${matches.length} matches listed` : `${matches.length} ${matches.length === 1 ? "match" : "matches"}`;
  const wanted = text.trim().toLowerCase();
  const out = DATA.left_out.filter((name) => name.toLowerCase().includes(wanted));
  if (out.length) return `${out[0]}${out.length > 1 ? ` and ${out.length - 1} more` : ""}: in the network, but not among the ${GENES.length} genes that are shown.`;
  return `No gene of the network has “${text.trim()}” in its name.`;
}

function openList(open) {
  matchList.hidden = !open;
  searchField.setAttribute("aria-expanded", String(open));
  markCurrent();
}

function markCurrent() {
  [...matchList.children].forEach((item, i) => { item.setAttribute("aria-selected", String(i === current)); });
  const item = matchList.hidden ? null : matchList.children[current];
  if (item) {
    searchField.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  } else searchField.removeAttribute("aria-activedescendant");
}

function choose(gene) {
  searchField.value = gene.name;
  openList(false);
  foundNote.textContent = gene.visible ? "" : "Its edges are hidden by the filters, so it is shown without them.";
  if (!gene.visible) {
    document.getElementById("hide-alone").checked = false;
    limits.hideAlone = false;
    applyFilters();
  }
  select(gene);
  centreOn(gene);
}

function searchKey(event) {
  const n = matchList.children.length;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (matchList.hidden) return void (n && openList(true));
    current = (current + (event.key === "ArrowDown" ? 1 : n - 1)) % n;
    markCurrent();
  } else if (event.key === "Enter" && matches[current]) {
    event.preventDefault();
    choose(matches[current]);
  } else if (event.key === "Escape" && !matchList.hidden) {
    event.stopPropagation();
    openList(false);
  }
}

function connectSearch() {
  searchField.addEventListener("input", showMatches);
  searchField.addEventListener("keydown", searchKey);
  searchField.addEventListener("blur", () => openList(false));
}
