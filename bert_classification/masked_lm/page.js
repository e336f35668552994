import { bars, element, heading, passage } from "../elements.js";

const MASK = "[MASK]";

export const name = "Masked language modelling";
export const purpose = `Which words belong where ${MASK} stands?`;
export const verb = "Fill in";

export const fields = () => [{ key: "text", label: "Text", rows: 3, insert: MASK }];

export const headline = ({ fills }) => fills.map(([best]) => best.token).join(", ");

export const view = ({ fills }, { text }) => [
  passage(...slots(text, fills, 0)),
  element("div", { class: "masks" }, candidates(fills)),
];

/** A text with its masks as slots; `first` is the number of its first mask. */
export function slots(text, fills, first) {
  const [begin, ...others] = text.split(MASK);
  const filled = others.map((part, at) => [slot(fills[first + at][0].token, first + at + 1), part]);
  return [begin, ...filled.flat()];
}

function slot(token, number) {
  return element("mark", { class: "slot" }, token.replace(/^##/, ""), element("sub", {}, String(number)));
}

/** The bars of each mask. */
export function candidates(fills) {
  return fills.map((fill, at) => {
    const rows = fill.map(({ token, prob }, place) => ({ name: token, share: prob, chosen: place === 0 }));
    const label = `Mask ${at + 1}`;
    return element("section", {}, heading(label), bars(rows, { ordered: true, label }));
  });
}
