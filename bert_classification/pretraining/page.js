import { element, heading, passage } from "../elements.js";
import { candidates, slots } from "../mask_filling.js";
import { nextSentence } from "../next_sentence.js";

export const name = "Pre-training";
export const purpose = "Which words are hidden, and does the second text go on from the first?";
export const verb = "Predict";

export const fields = () => [
  { key: "text", label: "First text", insert: "[MASK]" },
  { key: "text_pair", label: "Second text", insert: "[MASK]" },
];

export const headline = ({ fills, label }) =>
  `${fills.map(([best]) => best.token).join(", ")}; the second text ${label === "is_next" ? "follows" : "does not follow"}`;

export function view(output, { text, text_pair }, about) {
  const inFirst = text.split("[MASK]").length - 1;
  return [
    passage(...slots(text, output.fills, 0)),
    passage(...slots(text_pair, output.fills, inFirst)),
    element("div", { class: "masks" }, candidates(output.fills)),
    heading("Next sentence"),
    nextSentence(output, about),
  ];
}
