// Builds the page's elements. Text goes in as text, never as HTML.

/** An element with attributes and children; a string among the children is text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("--")) made.style.setProperty(name, value);
    else if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== undefined));
  return made;
}

/** A sentence whose `backticked` parts are code. */
export function sentence(text) {
  const parts = text.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
  return element("span", {}, ...parts);
}

export function percent(share) {
  if (share > 0 && share < 0.01) return "< 1%";
  if (share < 1 && share > 0.99) return "> 99%";
  return `${Math.round(share * 100)}%`;
}

const AT_ONCE = 8;

/**
 * A list of named shares between 0 and 1, drawn as bars: `{name, share, chosen, note}`, and
 * `said` where that is no percentage. With `pick` each is a button that calls it with its row. What is too much to see at once is folded.
 */
export function bars(rows, { ordered = false, label, pick } = {}) {
  const items = rows.map((row) => element("li", { class: row.chosen ? "chosen" : "" }, bar(row, pick)));
  const list = (some, start) =>
    element(ordered ? "ol" : "ul", { class: "bars", "aria-label": label, "--before": start }, some);
  const shown = rows.findLastIndex((row) => row.chosen) >= AT_ONCE ? items.length : AT_ONCE;
  if (items.length <= shown + 1) return list(items, 0);
  const more = element("summary", {}, `${items.length - shown} more`);
  return element(
    "div",
    {},
    list(items.slice(0, shown), 0),
    element("details", {}, more, list(items.slice(shown), shown)),
  );
}

function bar(row, pick) {
  const parts = [
    element("span", { class: "name" }, row.name, row.note ? element("small", {}, row.note) : ""),
    element("span", { class: "share" }, row.said ?? percent(row.share)),
    element("span", { class: "track", "--share": row.share }),
  ];
  return pick
    ? element("button", { type: "button", class: "bar", click: () => pick(row) }, parts)
    : element("div", { class: "bar" }, parts);
}

/** A text with marks: `{start, end, node(part)}`, in characters, in order, not overlapping. */
export function marked(text, marks) {
  // The server counts characters; a string of JavaScript counts halves of some.
  const characters = Array.from(text);
  const part = (start, end) => characters.slice(start, end).join("");
  const nodes = [];
  let done = 0;
  for (const mark of marks) {
    if (mark.start < done) continue;
    nodes.push(part(done, mark.start), mark.node(part(mark.start, mark.end)));
    done = mark.end;
  }
  return [...nodes, part(done)];
}

export const passage = (...children) => element("p", { class: "passage" }, ...children);
export const heading = (text) => element("h3", {}, text);
