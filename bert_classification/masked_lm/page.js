import { element, passage } from "../elements.js";
import { candidates, MASK, slots } from "../mask_filling.js";

export const name = "Masked language modelling";
export const purpose = `Which words belong where ${MASK} stands?`;
export const verb = "Fill in";

export const fields = () => [{ key: "text", label: "Text", rows: 3, insert: MASK }];

export const headline = ({ fills }) => fills.map(([best]) => best.token).join(", ");

export const view = ({ fills }, { text }) => [
  passage(...slots(text, fills, 0)),
  element("div", { class: "masks" }, candidates(fills)),
];
