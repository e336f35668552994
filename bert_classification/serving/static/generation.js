// What two tasks share that write text: their options, and the text as it comes into being.
import { element } from "./elements.js";

export const OPTIONS = [
  { key: "max_new_tokens", label: "Word pieces, at most", kind: "number", option: true },
  { key: "do_sample", label: "Draw by chance", kind: "check", option: true },
  { key: "temperature", label: "Temperature", kind: "number", option: true, within: "do_sample" },
  { key: "seed", label: "Seed", kind: "number", option: true, within: "do_sample" },
];

/** Until it is complete, what is written has no probability. */
export const isStreaming = ({ logprob }) => logprob === undefined;

export const written = (text, output) =>
  element("mark", { class: isStreaming(output) ? "written streaming" : "written" }, text);

export function likelihood({ logprob, perplexity }) {
  if (logprob === undefined) return [];
  const surprise = perplexity === undefined ? "" : `, perplexity ${perplexity.toFixed(1)}`;
  return [element("p", { class: "soft" }, `Log-probability ${logprob.toFixed(2).replace("-", "−")}${surprise}`)];
}
