import { heading, passage } from "../elements.js";
import { OPTIONS, isStreaming, likelihood, written } from "../generation.js";
import { heatMap } from "../heat_map.js";

export const name = "Sequence to sequence";
export const purpose = "What does this text become?";
export const verb = "Write";

export const fields = () => [
  { key: "source", label: "Text", rows: 3 },
  ...OPTIONS,
  { key: "cross_attention", label: "Show what was looked at", kind: "check", option: true },
];

/** Nothing while it streams: a screen reader would read every piece. */
export const headline = (output) => (isStreaming(output) ? undefined : output.text);

export function view(output) {
  const map = output.cross_attention ? attention(output.cross_attention) : [];
  return [passage(written(output.text, output)), ...likelihood(output), ...map];
}

function attention({ source, target, weights }) {
  const label = "How much was looked at each piece of the text, for each piece that was written";
  return [heading("What was looked at"), heatMap(target, weights, { columns: source, noun: "word pieces", label })];
}
