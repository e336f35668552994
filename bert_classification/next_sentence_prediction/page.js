import { bars, percent } from "../elements.js";

export const name = "Next sentence prediction";
export const purpose = "Does the second text go on from the first?";
export const verb = "Compare";

export const fields = () => [
  { key: "text", label: "First text" },
  { key: "text_pair", label: "Second text" },
];

const NAMES = { is_next: "The second text follows", not_next: "It does not follow" };

export const headline = ({ label, probs }) => `${NAMES[label]}, ${percent(Math.max(...probs))}`;

export const view = (output, _, about) => [nextSentence(output, about)];

/** The two bars; pre-training shows them too. */
export function nextSentence({ label, probs }, about) {
  const rows = about.labels.map((each, at) => ({ name: NAMES[each], share: probs[at], chosen: each === label }));
  return bars(rows, { label: "Probabilities of the two answers" });
}
