import { bars, element, percent } from "../elements.js";

export const name = "Classification";
export const purpose = "What is this text, or this pair of texts?";
export const verb = "Classify";

export const fields = () => [
  { key: "text", label: "Text", rows: 3 },
  { key: "text_pair", label: "Second text", rows: 1, optional: true },
];

export function headline({ label, labels, score, probs }) {
  if (score !== undefined) return `Score: ${score.toFixed(2).replace("-", "−")}`;
  if (labels) return labels.length ? labels.join(", ") : "None of the labels";
  return `${label}, ${percent(Math.max(...probs))}`;
}

export function view({ label, labels, score, probs }, _, about) {
  if (score !== undefined) return [scale(score)];
  const chosen = labels ?? [label];
  const rows = probs.map((share, at) => ({
    name: about.labels[at],
    share,
    chosen: chosen.includes(about.labels[at]),
    note: labels?.includes(about.labels[at]) ? "given" : undefined,
  }));
  rows.sort((one, other) => other.share - one.share);
  return [bars(rows, { label: "Labels and their probabilities" })];
}

// The range of the scores is not known; what has been seen widens it.
let most = 1;
let least = 0;

function scale(score) {
  most = Math.max(most, round(score));
  least = Math.min(least, -round(-score));
  const place = (score - least) / (most - least);
  return element(
    "div",
    {
      class: "scale",
      "--share": place,
      role: "img",
      "aria-label": `${score.toFixed(2)} on a scale from ${least} to ${most}`,
    },
    element("span", { class: "needle" }, score.toFixed(2)),
    element("span", { class: "line" }),
    element("span", { class: "ends" }, element("span", {}, String(least)), element("span", {}, String(most))),
  );
}

/** The next round number: 1, 5, 10, 50, 100 ...; 0 for what is not positive. */
function round(value) {
  if (value <= 0) return 0;
  let end = 1;
  while (end < value) end *= String(end).startsWith("1") ? 5 : 2;
  return end;
}
