// Whether a text follows another, for the pages of next sentence prediction and pre-training.
import { bars } from "./elements.js";

export const NAMES = { is_next: "The second text follows", not_next: "It does not follow" };

/** The bars of the two answers. */
export function nextSentence({ label, probs }, about) {
  const rows = about.labels.map((each, index) => ({ name: NAMES[each], share: probs[index], chosen: each === label }));
  return bars(rows, { label: "Probabilities of the two answers" });
}
