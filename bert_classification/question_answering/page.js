import { bars, element, heading, marked, passage } from "../elements.js";

export const name = "Question answering";
export const purpose = "Where in this text does the answer stand?";
export const verb = "Answer";

export const fields = () => [
  { key: "question", label: "Question", rows: 1 },
  { key: "context", label: "Context", rows: 7 },
];

const said = (answer) => answer || "No answer";

export const headline = ({ answer }) => said(answer);

export function view(output, { context }) {
  const place = passage();
  const node = (part) => element("mark", { class: "answer" }, part);
  const mark = ({ answer, start, end }) =>
    place.replaceChildren(...marked(context, answer ? [{ start, end, node }] : []));
  mark(output);
  const rows = output.n_best.map((one) => ({
    name: said(one.answer),
    share: one.score,
    chosen: one.start === output.start && one.end === output.end,
    ...one,
  }));
  const list = bars(rows, { ordered: true, label: "Answers, the best first", pick: mark });
  return [
    place,
    heading("The best answers"),
    element("p", { class: "soft" }, "Choose one to see it in the text."),
    list,
  ];
}
