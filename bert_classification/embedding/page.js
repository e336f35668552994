import { bars, heading } from "../elements.js";
import { heatMap } from "../heat_map.js";

export const name = "Embedding";
export const purpose = "Which of these texts is nearest to another one?";
export const verb = "Compare";
export const path = "similarity";

export const example = {
  query: "How do I get to the airport?",
  documents: [
    "Bus 14 goes to the airport every half hour.",
    "The airport was opened in 1958.",
    "Is there a train to the terminal?",
    "The soup was cold when it came.",
    "Our room was clean and quiet.",
  ],
};

export const fields = () => [
  { key: "query", label: "Text" },
  { key: "documents", label: "Texts to compare it with", kind: "list", item: "Text" },
];

export const record = ({ query, documents }) => ({ texts: [query, ...documents] });

export const headline = ({ similarities }, { texts }) => ranked(similarities, texts)[0]?.name ?? "Nothing to compare";

export function view({ similarities }, { texts }) {
  const rows = ranked(similarities, texts);
  const map = [heading("How near all of them are to each other"), heatMap(texts, similarities)];
  return [bars(rows, { ordered: true, label: "Texts, the nearest first" }), ...map];
}

function ranked([own], texts) {
  const order = [...texts.keys()].slice(1).sort((one, other) => own[other] - own[one]);
  return order.map((at, rank) => ({
    name: texts[at],
    share: Math.max(0, own[at]),
    said: own[at].toFixed(2).replace("-", "−"),
    chosen: rank === 0,
  }));
}
