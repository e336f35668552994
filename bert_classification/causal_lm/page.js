import { passage } from "../elements.js";
import { OPTIONS, isStreaming, likelihood, written } from "../generation.js";

export const name = "Causal language modelling";
export const purpose = "How does this text go on?";
export const verb = "Continue";

export const fields = ({ stream }) => [{ key: "text", label: "Text", rows: 3 }, ...(stream ? OPTIONS : [])];

/** Nothing while it streams: a screen reader would read every piece. */
export const headline = (output) => (isStreaming(output) ? undefined : output.continuation);

export function view(output, { text }) {
  const { continuation } = output;
  if (continuation === undefined) return [passage(text), ...likelihood(output)];
  return [passage(text, written(continuation, output)), ...likelihood(output)];
}
