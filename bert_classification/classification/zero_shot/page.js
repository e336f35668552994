import { bars, percent } from "../elements.js";

export const name = "Zero-shot classification";
export const purpose = "Which of your own labels fits this text?";
export const verb = "Classify";

export const fields = () => [
  { key: "text", label: "Text", rows: 3 },
  { key: "labels", label: "Labels", kind: "list", item: "Label" },
  { key: "hypothesis_template", label: "Hypothesis, with {} for the label", rows: 1, optional: true },
  { key: "multi_label", label: "Several labels may fit", kind: "check" },
];

export const headline = ({ labels, scores }) => `${labels[0]}, ${percent(scores[0])}`;

export function view({ labels, scores }) {
  const rows = labels.map((name, at) => ({ name, share: scores[at], chosen: at === 0 }));
  return [bars(rows, { ordered: true, label: "Labels, the best first" })];
}
