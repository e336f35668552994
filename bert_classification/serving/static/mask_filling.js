// Masks with what fills them, for the pages of masked language modelling and pre-training.
import { bars, element, heading } from "./elements.js";

export const MASK = "[MASK]";

/** A text with its masks as slots; `first` is the index of its first mask. */
export function slots(text, fills, first) {
  const [begin, ...others] = text.split(MASK);
  const filled = others.map((part, index) => [slot(fills[first + index][0].token, first + index + 1), part]);
  return [begin, ...filled.flat()];
}

function slot(token, number) {
  return element("mark", { class: "slot" }, token.replace(/^##/, ""), element("sub", {}, String(number)));
}

/** The bars of each mask. */
export function candidates(fills) {
  return fills.map((fill, index) => {
    const rows = fill.map(({ token, prob }, rank) => ({ name: token, share: prob, chosen: rank === 0 }));
    const label = `Mask ${index + 1}`;
    return element("section", {}, heading(label), bars(rows, { ordered: true, label }));
  });
}
