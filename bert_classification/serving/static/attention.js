// Attention: a small picture of each head of each layer, and of the chosen one where each piece looks.
import { aim, draw, readRow } from "./attention_maps.js";
import { element, percent } from "./elements.js";

const SAID = 4;
// Weaker lines are drawn only of the piece that is pointed at.
const SEEN = 0.05;

let chosen = { layer: 0, head: 0 };
let redraw = () => {};
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());

/** The view of an answer `{layers, heads, rows}`. */
export function attention({ layers, heads, rows }) {
  const view = element("div", { class: "attention" });
  const show = (row) =>
    view.replaceChildren(...choice(rows, row, show), ...rowView(readRow(rows[row], heads), layers, heads));
  chosen = { layer: Math.min(chosen.layer, layers - 1), head: Math.min(chosen.head, heads - 1) };
  show(0);
  return [view];
}

function choice(rows, row, show) {
  if (rows.length === 1) return [];
  const options = rows.map(({ pieces }, at) =>
    element("option", { value: at, selected: at === row }, `${at + 1} of ${rows.length}: ${shortened(pieces)}`),
  );
  const change = (event) => {
    show(Number(event.target.value));
    document.getElementById("attention-row").focus();
  };
  const select = element("select", { id: "attention-row", change }, options);
  return [element("label", { class: "rows" }, "What BERT reads at once ", select)];
}

/** The first and the last words of a row, without its special ends. */
function shortened(pieces) {
  const words = pieces.slice(1, -1).join(" ").replaceAll(" ##", "").split(" ");
  return (words.length > 8 ? [...words.slice(0, 4), "…", ...words.slice(-4)] : words).join(" ");
}

function rowView(row, layers, heads) {
  const status = element("p", { class: "soft status", role: "status" });
  const looks = element("div", { class: "looks", "--pieces": row.pieces.length });
  const cells = Array.from({ length: layers }, (_, layer) =>
    Array.from({ length: heads }, (_, head) => cell(row, layer, head, () => choose(layer, head))),
  );
  const choose = (layer, head) => {
    chosen = { layer, head };
    cells.flat().forEach((each) => mark(each, each === cells[layer][head]));
    showLooks(looks, row, status);
  };
  const grid = element(
    "div",
    { role: "grid", class: "heads", "--heads": heads, "aria-label": "Layers, from the first down, and their heads" },
    element(
      "div",
      { role: "row" },
      element("span", { role: "gridcell" }, ""),
      cells[0].map((_, head) => header("columnheader", head)),
    ),
    cells.map((some, layer) => element("div", { role: "row" }, header("rowheader", layer), some)),
  );
  grid.addEventListener("keydown", (event) => {
    const to = moved(event.key, layers, heads);
    if (!to) return;
    event.preventDefault();
    choose(...to);
    cells[to[0]][to[1]].focus();
  });
  redraw = () => cells.forEach((some, layer) => some.forEach((each, head) => draw(each, row.map(layer, head))));
  redraw();
  choose(chosen.layer, chosen.head);
  const hint = "A row for each layer, a picture for each head; arrow keys go from one to the next.";
  return [element("p", { class: "soft" }, hint), grid, status, looks];
}

const header = (role, at) => element("span", { role }, String(at + 1));

function cell(row, layer, head, choose) {
  const label = `Layer ${layer + 1}, head ${head + 1}: ${aim(row, layer, head)}`;
  const small = row.pieces.length < 20;
  return element("canvas", {
    role: "gridcell",
    class: small ? "sharp" : "",
    title: label,
    "aria-label": label,
    click: choose,
  });
}

function mark(each, is) {
  each.tabIndex = is ? 0 : -1;
  each.setAttribute("aria-selected", is);
}

function moved(key, layers, heads) {
  const { layer, head } = chosen;
  const to = {
    ArrowUp: [layer - 1, head],
    ArrowDown: [layer + 1, head],
    ArrowLeft: [layer, head - 1],
    ArrowRight: [layer, head + 1],
    Home: [layer, 0],
    End: [layer, heads - 1],
  }[key];
  return to && [Math.max(0, Math.min(layers - 1, to[0])), Math.max(0, Math.min(heads - 1, to[1]))];
}

/** The pieces twice, with lines from those that look to those that are looked at. */
function showLooks(looks, row, status) {
  const { pieces } = row;
  const size = pieces.length;
  const { layer, head } = chosen;
  const shares = Array.from(row.map(layer, head), (weight) => weight / 255);
  const lines = svg("svg", { viewBox: `0 0 100 ${size}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const right = pieces.map((piece) => element("div", { class: "piece" }, piece));
  const left = pieces.map((piece) =>
    element("div", { role: "option", class: "piece from", tabindex: "-1", "aria-selected": "false" }, piece),
  );

  function point(from) {
    left.forEach((each, at) => each.classList.toggle("current", at === from));
    left.forEach((each, at) => each.setAttribute("aria-selected", at === from));
    right.forEach((each, to) => each.style.setProperty("--share", from === undefined ? 0 : shares[from * size + to]));
    lines.replaceChildren(...drawn(shares, size, from));
    status.textContent =
      from === undefined
        ? `Layer ${layer + 1}, head ${head + 1} ${aim(row, layer, head)}. Point at a piece to see where it looks.`
        : `“${pieces[from]}” looks at ${most(pieces, shares.slice(from * size, (from + 1) * size))}.`;
  }

  const current = () => left.indexOf(document.activeElement);
  const list = element("div", { role: "listbox", "aria-label": "Pieces, and where they look" }, left);
  list.addEventListener("focusin", () => point(current()));
  list.addEventListener("focusout", () => point());
  list.addEventListener("pointerover", ({ target }) => left.includes(target) && point(left.indexOf(target)));
  list.addEventListener("pointerleave", () => point(current() < 0 ? undefined : current()));
  list.addEventListener("keydown", (event) => {
    const to = { ArrowUp: current() - 1, ArrowDown: current() + 1, Home: 0, End: size - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(size - 1, to));
    left.forEach((each, at) => (each.tabIndex = at === next ? 0 : -1));
    left[next].focus();
  });
  left[0].tabIndex = 0;
  looks.replaceChildren(list, lines, element("div", { class: "to", "aria-hidden": "true" }, right));
  point();
}

function drawn(shares, size, only) {
  return shares.flatMap((share, at) => {
    const [from, to] = [Math.floor(at / size), at % size];
    if (only === undefined ? share < SEEN : from !== only || !share) return [];
    const bend = `M0 ${from + 0.5}C40 ${from + 0.5} 60 ${to + 0.5} 100 ${to + 0.5}`;
    return [svg("path", { d: bend, "stroke-opacity": only === undefined ? share * 0.8 : Math.max(share, 0.08) })];
  });
}

function most(pieces, shares) {
  const ranked = [...pieces.keys()].sort((one, other) => shares[other] - shares[one]).slice(0, SAID);
  return ranked.map((at) => `“${pieces[at]}” ${percent(shares[at])}`).join(", ");
}

function svg(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
