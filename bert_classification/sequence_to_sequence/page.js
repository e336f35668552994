import { element, passage } from "../elements.js";

export const name = "Sequence to sequence";
export const purpose = "What does this text become?";
export const verb = "Write";
export const fields = () => [{ key: "source", label: "Text", rows: 3 }];
export const headline = ({ text }) => text;
export const view = ({ text }) => [passage("", element("mark", { class: "written" }, text))];
