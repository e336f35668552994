// How near texts are to each other: a square for each two of them, the darker the nearer, from the farthest two on.
import { element } from "./elements.js";

const MOST = 30;
// Of more there is no room for the numbers.
const NUMBERS = 8;

/** A map of up to 30 texts and the cosines of each with each; arrow keys go from one to the next. */
export function heatMap(texts, cosines) {
  if (texts.length > MOST) return element("p", { class: "soft" }, `Shown of up to ${MOST} texts.`);
  const least = Math.min(...cosines.flat());
  const shade = (cosine) => (cosine - least) / (1 - least || 1);
  const status = element("p", { class: "soft status", role: "status" }, "Arrow keys go from one square to the next.");
  const cells = texts.map((_, row) =>
    texts.map((_, column) =>
      cell(cosines[row][column], shade(cosines[row][column]), row, column, texts.length, () => choose(row, column)),
    ),
  );
  const choose = (row, column) => {
    cells.flat().forEach((each) => mark(each, each === cells[row][column]));
    status.replaceChildren(
      `“${texts[row]}” and “${texts[column]}”: `,
      element("strong", {}, said(cosines[row][column])),
    );
  };
  const grid = element(
    "div",
    { role: "grid", class: "heat", "--texts": texts.length, "aria-label": "Cosines of each text with each" },
    element(
      "div",
      { role: "row" },
      element("span", { role: "gridcell" }, ""),
      texts.map((_, at) => header("columnheader", at)),
    ),
    texts.map((text, at) => element("div", { role: "row" }, header("rowheader", at, text), cells[at])),
  );
  grid.addEventListener("keydown", (event) => {
    const to = moved(event, cells);
    if (!to) return;
    event.preventDefault();
    choose(...to);
    cells[to[0]][to[1]].focus();
  });
  cells[0][0].tabIndex = 0;
  return element("div", {}, grid, status);
}

const said = (cosine) => cosine.toFixed(2).replace("-", "−");

const header = (role, at, text = "") =>
  element("span", { role, title: text }, text ? `${at + 1}. ${text}` : String(at + 1));

function cell(cosine, share, row, column, count, choose) {
  const label = `${row + 1} and ${column + 1}: ${said(cosine)}`;
  const attributes = { role: "gridcell", class: "near", tabindex: "-1", title: label, "aria-label": label };
  const shown = count > NUMBERS ? "" : said(cosine);
  return element("span", { ...attributes, "--share": share, click: choose, focus: choose }, shown);
}

function mark(each, is) {
  each.tabIndex = is ? 0 : -1;
  each.setAttribute("aria-selected", is);
}

function moved({ key, target }, cells) {
  const row = cells.findIndex((some) => some.includes(target));
  if (row < 0) return undefined;
  const column = cells[row].indexOf(target);
  const last = cells.length - 1;
  const to = {
    ArrowUp: [row - 1, column],
    ArrowDown: [row + 1, column],
    ArrowLeft: [row, column - 1],
    ArrowRight: [row, column + 1],
    Home: [row, 0],
    End: [row, last],
  }[key];
  return to && to.map((at) => Math.max(0, Math.min(last, at)));
}
