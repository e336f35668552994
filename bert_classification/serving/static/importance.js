// The words of a record, shaded by how much they count for the answer.
import { element, marked, passage, percent } from "./elements.js";
import { byText, textOf } from "./texts.js";

const SAID = 3;
// What counts less than this, in comparison with the most, is not shaded.
const SEEN = 0.1;

/** The texts of a record with their words: `{key, choice, start, end, text, score}` each. */
export function importance(words, record) {
  const most = Math.max(...words.map((word) => word.score), 1e-9);
  const shaded = byText(words).map((group) => passage(...shade(textOf(group[0], record), group, most)));
  return [element("div", { class: "shaded" }, shaded), said(words)];
}

function shade(text, words, most) {
  return marked(
    text,
    words.map(({ start, end, score }) => ({
      start,
      end,
      node: (part) => element("span", { class: "word", title: percent(score), "--share": seen(score / most) }, part),
    })),
  );
}

const seen = (share) => (share < SEEN ? 0 : share);

function said(words) {
  const spoken = words.filter(({ text }) => /[\p{L}\p{N}]/u.test(text));
  const best = spoken.sort((one, other) => other.score - one.score).slice(0, SAID);
  const names = best.map(({ text, score }) => `“${text}” ${percent(score)}`);
  return element("p", { class: "soft" }, `What counts most: ${names.join(", ")}.`);
}
