import { passage } from "../elements.js";

export const name = "Text similarity";
export const purpose = "How near are these two texts?";
export const verb = "Compare";

export const fields = () => [
  { key: "text", label: "Text" },
  { key: "text_pair", label: "Second text" },
];

export const headline = ({ similarity }) => similarity.toFixed(2);

export const view = ({ similarity }) => [passage(String(similarity))];
