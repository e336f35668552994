// The training examples that are nearest to the record, the nearest first.
import { element, passage } from "./elements.js";

/** The view of `{record, location, similarity}` each. */
export function nearest(examples) {
  const items = examples.map((example) => element("li", {}, texts(example.record), said(example)));
  return [element("ol", { class: "nearest", "aria-label": "Nearest training examples" }, items)];
}

const texts = ({ label, ...others }) => Object.values(others).map((text) => passage(words(text)));

function said({ record, location, similarity }) {
  const label = element("strong", {}, words(record.label) || "no label");
  return element("p", { class: "soft" }, label, ` · similarity ${similarity.toFixed(3)} · ${location}`);
}

const words = (value) => [value].flat().join(", ");
