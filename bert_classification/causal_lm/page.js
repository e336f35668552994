import { element, passage } from "../elements.js";

export const name = "Causal language modelling";
export const purpose = "How does this text go on?";
export const verb = "Continue";

export const fields = ({ stream }) => [{ key: "text", label: "Text", rows: 3 }, ...(stream ? OPTIONS : [])];

const OPTIONS = [
  { key: "max_new_tokens", label: "Word pieces, at most", kind: "number", option: true },
  { key: "do_sample", label: "Draw by chance", kind: "check", option: true },
  { key: "temperature", label: "Temperature", kind: "number", option: true, within: "do_sample" },
  { key: "seed", label: "Seed", kind: "number", option: true, within: "do_sample" },
];

/** Nothing while it streams: a screen reader would read every piece. */
export function headline({ logprob, continuation }) {
  return logprob === undefined ? undefined : continuation;
}

export function view({ continuation, logprob, perplexity }, { text }) {
  const streaming = logprob === undefined;
  const surprise = perplexity === undefined ? "" : `, perplexity ${perplexity.toFixed(1)}`;
  const log = streaming
    ? []
    : [element("p", { class: "soft" }, `Log-probability ${logprob.toFixed(2).replace("-", "−")}${surprise}`)];
  if (continuation === undefined) return [passage(text), ...log];
  const mark = element("mark", { class: streaming ? "written streaming" : "written" }, continuation);
  return [passage(text, mark), ...log];
}
