// How near texts are to each other, or how much was looked at each: a square for each two, the darker the more, from the
// least on.
import { element } from "./elements.js";

const MOST = 30;
// Of more there is no room for the numbers.
const NUMBERS = 8;

/**
 * A map of up to 30 texts and a number for each with each, or with each of other `columns`, whose names are then shown.
 * Arrow keys go from one to the next.
 */
export function heatMap(texts, numbers, { columns, noun = "texts", label = "Cosines of each text with each" } = {}) {
  const others = columns ?? texts;
  if (Math.max(texts.length, others.length) > MOST)
    return element("p", { class: "soft" }, `Shown of up to ${MOST} ${noun}.`);
  const least = Math.min(...numbers.flat());
  const most = columns ? Math.max(...numbers.flat()) : 1;
  const shade = (number) => (number - least) / (most - least || 1);
  const status = element("p", { class: "soft status", role: "status" }, "Arrow keys go from one square to the next.");
  const cells = texts.map((_, row) =>
    others.map((_, column) =>
      cell(numbers[row][column], shade(numbers[row][column]), row, column, others.length, () => choose(row, column)),
    ),
  );
  const choose = (row, column) => {
    cells.flat().forEach((each) => mark(each, each === cells[row][column]));
    status.replaceChildren(
      `“${texts[row]}” and “${others[column]}”: `,
      element("strong", {}, said(numbers[row][column])),
    );
  };
  const grid = element(
    "div",
    { role: "grid", class: columns ? "heat named" : "heat", "--texts": others.length, "aria-label": label },
    element(
      "div",
      { role: "row" },
      element("span", { role: "gridcell" }, ""),
      others.map((text, at) => header("columnheader", columns ? text : at + 1)),
    ),
    texts.map((text, at) =>
      element("div", { role: "row" }, header("rowheader", columns ? text : `${at + 1}. ${text}`, text), cells[at]),
    ),
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

const said = (number) => number.toFixed(2).replace("-", "−");

const header = (role, shown, title = "") => element("span", { role, title }, String(shown));

function cell(number, share, row, column, count, choose) {
  const label = `${row + 1} and ${column + 1}: ${said(number)}`;
  const attributes = { role: "gridcell", class: "near", tabindex: "-1", title: label, "aria-label": label };
  const shown = count > NUMBERS ? "" : said(number);
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
  const [last, end] = [cells.length - 1, cells[0].length - 1];
  const to = {
    ArrowUp: [row - 1, column],
    ArrowDown: [row + 1, column],
    ArrowLeft: [row, column - 1],
    ArrowRight: [row, column + 1],
    Home: [row, 0],
    End: [row, end],
  }[key];
  return to && to.map((at, axis) => Math.max(0, Math.min(axis ? end : last, at)));
}
