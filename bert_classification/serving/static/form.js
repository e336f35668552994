// The form of a task: its controls from the task's `fields`, and the record that they make.
import { element } from "./elements.js";

/**
 * Controls for the fields: `{key, label, kind, hint, optional, rows, insert, within}`. The kind is
 * `text` (default), `number`, `check`, `list` or `json`; `insert` is a text to put in by a button;
 * a field `within` another is of use when that one is checked.
 */
export function makeForm(fields, container) {
  const controls = fields.map((field) => ({ field, ...KINDS[field.kind ?? "text"](field) }));
  const options = controls.filter(({ field }) => field.option);
  container.replaceChildren(
    ...controls.filter(({ field }) => !field.option).map(({ node }) => node),
    ...(options.length ? [optionGroup(options)] : []),
  );
  const enable = () => {
    for (const { field, input } of controls) {
      if (field.within) input.disabled = !document.getElementById(`field-${field.within}`).checked;
    }
  };
  container.addEventListener("change", enable);
  return {
    fill(record) {
      for (const { field, set } of controls) set(record[field.key]);
      enable();
    },
    read() {
      const present = controls.filter(({ input }) => !input?.disabled);
      const values = present.map(({ field, get }) => [field.key, get()]);
      return Object.fromEntries(values.filter(([, value]) => value !== undefined));
    },
  };
}

function optionGroup(options) {
  const nodes = options.map(({ node }) => node);
  return element("fieldset", {}, element("legend", {}, "Options"), ...nodes);
}

function labelled(field, input, ...more) {
  input.id = `field-${field.key}`;
  const label = element("label", { class: "label", for: input.id }, field.label);
  if (field.optional) label.append(element("small", {}, "optional"));
  return element("div", { class: "field" }, label, ...more, input);
}

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

const KINDS = {
  text(field) {
    const input = element("textarea", { rows: field.rows ?? 2, spellcheck: "false" });
    input.addEventListener("input", () => grow(input));
    const insert = element(
      "button",
      { type: "button", class: "small insert", click: () => put() },
      `Insert ${field.insert}`,
    );
    const put = () => {
      input.setRangeText(field.insert, input.selectionStart, input.selectionEnd, "end");
      input.focus();
    };
    return {
      input,
      node: labelled(field, input, ...(field.insert ? [insert] : [])),
      get: () => (field.optional && !input.value.trim() ? undefined : input.value),
      set(value) {
        input.value = value ?? "";
        grow(input);
      },
    };
  },

  // What is no number goes to the server as it is, which says what it expected.
  number(field) {
    const input = element("input", { inputmode: "decimal", autocomplete: "off" });
    return {
      input,
      node: labelled(field, input),
      get() {
        const text = input.value.trim();
        return text === "" ? undefined : Number.isNaN(Number(text)) ? text : Number(text);
      },
      set: (value) => (input.value = value ?? ""),
    };
  },

  check(field) {
    const input = element("input", { type: "checkbox", id: `field-${field.key}` });
    const label = element("label", { class: "check" }, input, field.label);
    return {
      input,
      node: label,
      get: () => input.checked || undefined,
      set: (value) => (input.checked = Boolean(value)),
    };
  },

  list(field) {
    const list = element("ol", { class: "list" });
    const add = (value = "") => {
      const input = element("input", { value, autocomplete: "off" });
      const remove = element("button", { type: "button", class: "small" }, "Remove");
      const item = element("li", {}, input, remove);
      remove.addEventListener("click", () => {
        (item.nextElementSibling ?? item.previousElementSibling)?.querySelector("input").focus();
        item.remove();
        renumber();
      });
      list.append(item);
      renumber();
      return input;
    };
    const renumber = () =>
      [...list.children].forEach((item, index) => {
        const [input, remove] = item.children;
        input.setAttribute("aria-label", `${field.item} ${index + 1}`);
        remove.setAttribute("aria-label", `Remove ${field.item.toLowerCase()} ${index + 1}`);
      });
    const more = element(
      "button",
      { type: "button", class: "small", click: () => add().focus() },
      `Add a ${field.item.toLowerCase()}`,
    );
    return {
      node: element("fieldset", { class: "field" }, element("legend", {}, field.label), list, more),
      get: () => [...list.querySelectorAll("input")].map((input) => input.value),
      set(values) {
        list.replaceChildren();
        for (const value of values ?? []) add(value);
      },
    };
  },

  json(field) {
    const text = KINDS.text({ rows: 8, ...field });
    return { ...text, set: (value) => text.set(JSON.stringify(value ?? {}, null, 2)) };
  },
};
