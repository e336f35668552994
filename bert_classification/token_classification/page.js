import { element, marked, passage, percent } from "../elements.js";

export const name = "Token classification";
export const purpose = "Who and what is named in this text?";
export const verb = "Find";

export const fields = () => [{ key: "text", label: "Text", rows: 4 }];

export function headline({ entities }) {
  if (!entities.length) return "No entities";
  return entities.length === 1 ? "One entity" : `${entities.length} entities`;
}

/** The answer in words, where its number alone would not tell it from another one. */
export const answer = ({ entities }) =>
  entities.map(({ text, type }) => `${text} (${type})`).join(", ") || "No entities";

export function view({ entities }, { text }, { labels }) {
  const marks = entities.map(({ start, end, type, score }) => ({
    start,
    end,
    node: (part) =>
      element(
        "mark",
        { class: "entity", title: percent(score), "--hue": hue(type, labels) },
        part,
        element("small", {}, type),
      ),
  }));
  return [passage(...marked(text, marks)), legend(entities, labels)];
}

// A turn of the golden angle keeps neighbours apart, however many types there are.
const hue = (type, labels) => String(Math.round((labels.indexOf(type) * 137.5 + 40) % 360));

function legend(entities, labels) {
  const rows = labels.map((type) => {
    const count = entities.filter((entity) => entity.type === type).length;
    return element(
      "li",
      { class: count ? "" : "soft" },
      element("span", { class: "swatch", "--hue": hue(type, labels) }),
      `${type} ${count}`,
    );
  });
  return element("ul", { class: "legend", "aria-label": "Types, and how many were found" }, rows);
}
