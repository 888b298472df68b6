"use strict";

const STEP = 60; // pixels that an arrow key moves
const KEYS = {
  "+": () => zoomBy(1.25),
  "=": () => zoomBy(1.25),
  "-": () => zoomBy(0.8),
  0: () => fitAll(true),
  ArrowLeft: () => cy.panBy({ x: STEP, y: 0 }),
  ArrowRight: () => cy.panBy({ x: -STEP, y: 0 }),
  ArrowUp: () => cy.panBy({ x: 0, y: STEP }),
  ArrowDown: () => cy.panBy({ x: 0, y: -STEP }),
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    hideTooltip();
    select(null);
    return;
  }
  const element = document.activeElement;
  if (element.closest("input, select, summary, aside")) return;
  if (event.key === "/") {
    event.preventDefault();
    searchField.focus();
    searchField.select();
  } else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
}

function start() {
  document.getElementById("notes").replaceChildren(...DATA.notes.map((text) => make("li", { text })));
  showKey();
  connectPointer();
  connectFilters();
  connectSearch();
  connectExport();
  document.getElementById("zoom-in").addEventListener("click", KEYS["+"]);
  document.getElementById("zoom-out").addEventListener("click", KEYS["-"]);
  document.getElementById("fit").addEventListener("click", KEYS[0]);
  document.addEventListener("keydown", pressed);
  let touched = false;
  cy.on("pan zoom", () => { touched = touched || fitted; });
  let fitted = false;
  const fit = () => { fitted = false; fitAll(); fitted = true; };
  fit();
  // A window that changes its size keeps the whole in view until somebody has moved it.
  new ResizeObserver(() => { cy.resize(); if (!touched) fit(); }).observe(view);
  document.documentElement.dataset.ready = "true";
}

start();
