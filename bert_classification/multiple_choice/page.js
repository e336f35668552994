import { bars, percent } from "../elements.js";

export const name = "Multiple choice";
export const purpose = "Which of these fits best?";
export const verb = "Choose";

export const fields = () => [
  { key: "prompt", label: "Prompt" },
  { key: "choices", label: "Choices", kind: "list", item: "Choice" },
];

export const headline = ({ choice, probs }) => `${choice}, ${percent(Math.max(...probs))}`;

export function view({ label, probs }, { choices }) {
  const rows = choices.map((name, at) => ({ name, share: probs[at], chosen: at === label }));
  rows.sort((one, other) => other.share - one.share);
  return [bars(rows, { ordered: true, label: "Choices, the best first" })];
}
