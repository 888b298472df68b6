"use strict";
// What is known about an edge or a gene, as tables; text is set as text, never as HTML.

function make(tag, options = {}, ...children) {
  const element = document.createElement(tag);
  const { text, data, ...attributes } = options;
  if (text !== undefined) element.textContent = text;
  if (data !== undefined) element.dataset.value = data === null ? "" : String(data);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function number(name, value) {
  return make("span", { text: written(value), data: value, "data-field": name });
}

function interval(entry, low, high) {
  return ["[", number(low, entry[low]), ", ", number(high, entry[high]), "]"];
}

function factTable(rows) {
  const body = rows.filter(Boolean).map(([title, ...cells]) => make("tr", {}, make("th", { text: title, scope: "row" }), make("td", {}, ...cells)));
  return make("table", { class: "facts" }, make("tbody", {}, ...body));
}

const has = (entry, name) => entry[name] !== undefined;
const known = (entry, name) => has(entry, name) && entry[name] !== null && entry[name] !== "";

function edgeTitle(edge) {
  return `${edge.parent.name} → ${edge.child.name}`;
}

const SIGN_WORDS = {
  positive: "positive effect: both move the same way",
  negative: "negative effect: they move opposite ways",
  unknown: "the effect has no estimate",
};

function edgeFacts(edge) {
  const strength = has(edge, "weak") && edge.weak ? " (weak)" : "";
  return factTable([
    known(edge, "grade") && ["grade", edge.grade],
    known(edge, "reasons") && ["reasons", edge.reasons],
    ["effect", number("coef", edge.coef)],
    known(edge, "se") && ["standard error", number("se", edge.se)],
    known(edge, "ci_low") && ["95 % interval", ...interval(edge, "ci_low", "ci_high")],
    HAS_P && ["p", number("p", edge.p)],
    known(edge, "padj") && ["adjusted p", number("padj", edge.padj)],
    known(edge, "p_robust") && ["robust p", number("p_robust", edge.p_robust)],
    known(edge, "ci_low_robust") && ["robust 95 % set", ...interval(edge, "ci_low_robust", "ci_high_robust"),
      ...(known(edge, "robust_set") && edge.robust_set !== "interval" ? [` ${edge.robust_set}`] : [])],
    known(edge, "F") && ["strength F", number("F", edge.F), strength],
    known(edge, "direction") && ["direction", edge.direction],
    known(edge, "loop") && ["hangs on the loop", edge.loop],
    known(edge, "J_flag") && ["guides disagree", edge.J_flag],
    has(edge, "required") && edge.required === true && ["prior", "required, not tested"],
    known(edge, "flags") && ["flags", edge.flags],
  ]);
}

function geneFacts(gene) {
  return factTable([
    has(gene, "effect") && ["knock-down, log fold change (natural)", number("effect", gene.effect)],
    known(gene, "ci_low") && ["95 % interval", ...interval(gene, "ci_low", "ci_high")],
    known(gene, "p") && ["p", number("p", gene.p)],
    known(gene, "n_cells") && ["cells", number("n_cells", gene.n_cells)],
    has(gene, "weak") && gene.weak !== null && ["instrument", gene.weak ? "weak" : "strong",
      ...(known(gene, "z_squared") ? [" (z² ", number("z_squared", gene.z_squared), ")"] : [])],
    known(gene, "layer") && ["layer", number("layer", gene.layer)],
    known(gene, "order") && ["causal order", number("order", gene.order)],
    ["parents", number("n_parents", gene.n_parents)],
    ["children", number("n_children", gene.n_children)],
    known(gene, "flags") && ["flags", gene.flags],
  ]);
}

function factsOf(entry) {
  if (entry.parent === undefined) return [geneFacts(entry)];
  return [make("p", { class: `sign ${entry.sign}`, text: SIGN_WORDS[entry.sign] }), edgeFacts(entry)];
}

function titleOf(entry) {
  return entry.parent === undefined ? entry.name : edgeTitle(entry);
}

const tooltip = document.getElementById("tooltip");

function showTooltip(entry, x, y) {
  tooltip.replaceChildren(make("h2", { text: titleOf(entry) }), ...factsOf(entry));
  tooltip.hidden = false;
  const box = tooltip.getBoundingClientRect();
  const left = x + 16 + box.width > window.innerWidth ? x - 12 - box.width : x + 16;
  const top = y + 16 + box.height > window.innerHeight ? y - 12 - box.height : y + 16;
  tooltip.style.left = `${Math.max(4, left)}px`;
  tooltip.style.top = `${Math.max(4, top)}px`;
}

function hideTooltip() {
  tooltip.hidden = true;
}
