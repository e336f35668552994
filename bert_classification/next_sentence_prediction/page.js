import { percent } from "../elements.js";
import { NAMES, nextSentence } from "../next_sentence.js";

export const name = "Next sentence prediction";
export const purpose = "Does the second text go on from the first?";
export const verb = "Compare";

export const fields = () => [
  { key: "text", label: "First text" },
  { key: "text_pair", label: "Second text" },
];

export const headline = ({ label, probs }) => `${NAMES[label]}, ${percent(Math.max(...probs))}`;

export const view = (output, _, about) => [nextSentence(output, about)];
