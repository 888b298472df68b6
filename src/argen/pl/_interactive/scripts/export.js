"use strict";
// What is shown as SVG: vectors, and text that stays text. The PNG is a picture of that SVG.

const SVG = "http://www.w3.org/2000/svg";
const PNG_SCALE = 2;
const MOST_PIXELS = 8000; // of a side: browsers make no larger picture
const MARGIN = 14;
const KEY_HEIGHT = 26;

// Characters that no XML file may hold.
const printable = (text) => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd");

function shape(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function words(kind, x, y, text, size, color, more = {}) {
  const place = { class: kind, x: x.toFixed(2), y: (y + 0.35 * size).toFixed(2), "text-anchor": "middle", "font-size": size, fill: color };
  return shape("text", { ...place, ...more }, printable(text));
}

function drawnEdge(edge) {
  const color = COLOR_OF[edge.sign];
  const dashes = dashesOf(edge);
  const dashed = dashes ? { "stroke-dasharray": dashes.join(" ") } : {};
  const line = shape("path", { class: "edge", d: pathOf(edge), fill: "none", stroke: color, "stroke-width": edge.line, ...dashed });
  const sample = edge.id === ""; // of the key
  const faded = !sample && kept !== null && !kept.has(edge.id) ? { opacity: 0.07 } : {};
  return shape("g", { "data-edge": edge.index, ...faded }, line, shape("polygon", { points: headOf(edge), fill: color }));
}

function drawnGene(gene) {
  const alone = gene.degree === 0;
  const chosen = gene === selected;
  const box = {
    x: (gene.x - gene.width / 2).toFixed(2), y: (gene.y - LOOK.height / 2).toFixed(2), width: gene.width, height: LOOK.height,
    rx: LOOK.rounding, fill: chosen ? LOOK.ink : alone ? LOOK.alone_face : LOOK.face,
    stroke: chosen ? LOOK.ink : alone ? LOOK.alone_border : LOOK.border, "stroke-width": gene.weak ? 1.4 : LOOK.box_line,
    ...(gene.weak ? { "stroke-dasharray": "4 2" } : {}),
  };
  const text = words("gene", gene.x, gene.y, gene.name, LOOK.font, chosen ? "#fff" : LOOK.ink);
  return shape("g", { "data-gene": gene.index, ...(isFaded(gene) ? { opacity: 0.22 } : {}) }, shape("rect", box), text);
}

function drawnEffect(edge) {
  const of = selected.parent === undefined ? selected : edge.parent;
  const place = effectPlace(edge, of);
  const halo = { "font-weight": 600, stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" };
  return words("effect", place.x, place.y, signed(edge.coef), LOOK.small_font, COLOR_OF[edge.sign], halo);
}

// Left, top, width and height of the part to save, in the units of the drawing.
function frameOf(part) {
  if (part === "view") {
    const { x1, y1, w, h } = cy.extent();
    return { x: x1, y: y1, w, h };
  }
  const genes = GENES.filter((gene) => gene.visible);
  const xs = genes.flatMap((gene) => [gene.x - gene.width / 2, gene.x + gene.width / 2]);
  const ys = genes.flatMap((gene) => [gene.y - LOOK.height / 2, gene.y + LOOK.height / 2]);
  for (const edge of EDGES.filter((one) => one.shown)) pointsOf(edge).forEach((p) => { xs.push(p.x); ys.push(p.y); });
  if (DATA.heading.text && !limits.hideAlone) ys.push(DATA.heading.at[1] - LOOK.font);
  const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!xs.length) return { x: 0, y: 0, w: 200, h: 60 };
  const [x, y] = [least(xs) - MARGIN, least(ys) - MARGIN];
  return { x, y, w: most(xs) + MARGIN - x, h: most(ys) + MARGIN - y };
}

function makeSvg(part) {
  const frame = frameOf(part);
  const keyWidth = 2 * MARGIN + keyEntries().reduce((sum, entry) => sum + entry.width, 0);
  const width = Math.max(frame.w, part === "view" ? 0 : keyWidth);
  const x = frame.x - (width - frame.w) / 2;
  const height = frame.h + KEY_HEIGHT;
  const root = shape("svg", {
    xmlns: SVG, viewBox: [x, frame.y, width, height].map((v) => v.toFixed(2)).join(" "),
    width: width.toFixed(2), height: height.toFixed(2), "font-family": "Arial, Helvetica, DejaVu Sans, sans-serif",
  });
  root.append(shape("title", {}, printable(document.title)));
  root.append(shape("rect", { x, y: frame.y, width, height, fill: "#fff" }));
  const drawing = shape("g", { id: "network" });
  drawing.append(...EDGES.filter((edge) => edge.shown).map(drawnEdge));
  drawing.append(...GENES.filter((gene) => gene.visible).map(drawnGene));
  drawing.append(...effectsWritten().map(drawnEffect));
  if (DATA.heading.text && !limits.hideAlone) drawing.append(words("heading", ...DATA.heading.at, DATA.heading.text, LOOK.small_font, LOOK.note));
  root.append(drawing);
  const key = shape("g", { id: "key", transform: `translate(${(x + MARGIN).toFixed(2)} ${(frame.y + frame.h + KEY_HEIGHT / 2).toFixed(2)})` });
  key.append(shape("rect", { x: -MARGIN, y: -KEY_HEIGHT / 2, width, height: KEY_HEIGHT, fill: "#fff" }), ...drawnKey(0));
  root.append(key);
  return root;
}

function svgText(part) {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(makeSvg(part))}\n`;
}

async function makePng(part) {
  const text = svgText(part);
  const picture = new Image();
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await picture.decode();
  const scale = Math.min(PNG_SCALE, MOST_PIXELS / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
}

function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  document.getElementById("export-note").textContent = `${name} saved: ${countOf()}`;
}

function countOf() {
  return document.getElementById("filter-count").textContent;
}

function connectExport() {
  const part = () => document.getElementById("export-part").value;
  document.getElementById("save-svg").addEventListener("click", () => {
    save(new Blob([svgText(part())], { type: "image/svg+xml" }), "network.svg");
  });
  document.getElementById("save-png").addEventListener("click", async () => {
    save(await makePng(part()), "network.png");
  });
}
