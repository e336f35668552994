import { element } from "../elements.js";

export const name = "Predict";
export const purpose = "A record in, an answer out.";
export const verb = "Predict";

export const fields = (about) =>
  about.fields.length
    ? about.fields.map((key) => ({ key, label: key }))
    : [{ key: "record", label: "Record, as JSON", kind: "json" }];

export function record(values) {
  if (Object.keys(values).join() !== "record") return values;
  try {
    return JSON.parse(values.record);
  } catch (error) {
    throw new Error(`The record is not valid JSON: ${error.message}.`);
  }
}

export const headline = () => "Answered";

export const view = (output) => [element("pre", { tabindex: "0" }, JSON.stringify(output, null, 2))];
