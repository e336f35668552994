// What would change the answer, and what can be left out of the record while it stays.
import { element, marked, passage } from "./elements.js";
import { byText, textOf } from "./texts.js";

/** The texts with the words exchanged, old and new, and the answers before and after. */
export function flips({ prediction, final, changed, flips, texts }, record, task, isLast) {
  const shown = texts.map((each) => {
    const those = flips.filter(({ key, choice }) => key === each.key && choice === each.choice);
    return passage(...marked(each.text, exchanged(those)));
  });
  const before = `Before: ${said(task, prediction, record)}. ${changed ? "Now" : "Still"}: `;
  const outcome = element("p", {}, before, element("strong", {}, said(task, final, record)), ".");
  return [...shown, ...(flips.length ? [outcome] : []), ...(isLast && !changed ? [note(NOT_CHANGED)] : [])];
}

const NOT_CHANGED = "No exchange of words was found that changes the answer.";

/** Where the new words stand in the last text: each flip counts in the text that it found. */
function exchanged(flips) {
  const marks = [];
  for (const { start, end, text, replacement } of flips) {
    // The server counts characters, of which a string of JavaScript may have two in one place.
    const longer = Array.from(replacement).length - (end - start);
    for (const mark of marks.filter((each) => each.start >= end)) {
      mark.start += longer;
      mark.end += longer;
    }
    marks.push({ start, end: end + longer, node: (part) => exchange(text, part) });
  }
  return marks.sort((one, other) => one.start - other.start);
}

const exchange = (old, part) =>
  element("span", { class: "exchange" }, element("del", {}, old), " ", element("ins", {}, part));

/** The texts with the words that can go struck out, and what is left. */
export function reduction({ final, changed, removed_spans, kept }, record, task, isLast) {
  const node = (part) => element("del", {}, part);
  const shown = byText(removed_spans).map((spans) => {
    const marks = spans.map(({ start, end }) => ({ start, end, node }));
    marks.sort((one, other) => one.start - other.start);
    return element("p", { class: "passage remains" }, marked(textOf(spans[0], record), marks));
  });
  if (!changed) return isLast ? [note("No word can be left out: the answer would be another one.")] : [];
  const left = kept.length ? kept.map((word) => `“${word}”`).join(", ") : "none";
  const count = `${removed_spans.length} of ${removed_spans.length + kept.length} words can go. What is left: ${left}.`;
  const answer = element("strong", {}, said(task, final, record));
  return [...shown, element("p", {}, "Still: ", answer, "."), ...(isLast ? [note(count)] : [])];
}

const said = (task, output, record) => (task.answer ?? task.headline)(output, record);
const note = (text) => element("p", { class: "soft" }, text);
