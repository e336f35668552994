// What explains an answer: a switch for each kind that the server has, and what it shows.
import { ask, askForLines } from "./api.js";
import { attention } from "./attention.js";
import { flips, reduction } from "./attacks.js";
import { element } from "./elements.js";
import { importance } from "./importance.js";
import { nearest } from "./nearest.js";

const KINDS = [
  { id: "importance", kind: "saliency", title: "Word importance", path: "saliency", show: importance },
  {
    id: "flips",
    kind: "attack",
    title: "What would change the answer",
    path: "attack/hotflip",
    lines: true,
    show: flips,
  },
  {
    id: "reduction",
    kind: "attack",
    title: "What can be left out",
    path: "attack/input-reduction",
    lines: true,
    show: reduction,
  },
  // What it shows has a status of its own, and is much to be read out.
  { id: "attention", kind: "attention", title: "Attention", path: "attention", live: "off", show: attention },
  { id: "nearest", kind: "nearest", title: "Nearest training examples", path: "nearest", show: nearest },
];

/**
 * Puts the switches into a container, and gives a function that asks again for what is switched on.
 * `asked` knows the `record()` of the answer, the `signal()` that breaks off, and what shows an error.
 */
export function makeExplanations(about, task, container, asked) {
  const made = KINDS.filter(({ kind }) => about[kind]).map((kind) => explanation(kind, task, asked));
  container.replaceChildren(...made.map(({ node }) => node));
  return async () => {
    for (const { refresh } of made) await refresh();
  };
}

function explanation({ id, title, path, lines, live = "polite", show }, task, asked) {
  const input = element("input", { id: `${id}-switch`, type: "checkbox", role: "switch", change: () => refresh() });
  const view = element("div", { id: `${id}-view`, "aria-live": live, "aria-busy": "false" });
  let mine = new AbortController();

  async function refresh() {
    mine.abort();
    view.replaceChildren();
    if (!input.checked) return;
    const current = (mine = new AbortController());
    view.setAttribute("aria-busy", "true");
    view.append(looking());
    try {
      await answer(AbortSignal.any([asked.signal(), current.signal]));
    } catch (error) {
      if (current === mine) view.replaceChildren();
      if (error.name !== "AbortError") asked.failed(error);
    } finally {
      if (current === mine) view.setAttribute("aria-busy", "false");
    }
  }

  async function answer(signal) {
    const record = asked.record();
    if (!lines) return view.replaceChildren(...show(await ask(path, record, signal), record, task));
    let last;
    for await (const result of askForLines(path, record, signal)) {
      last = result;
      view.replaceChildren(...show(result, record, task, false), looking());
    }
    view.replaceChildren(...show(last, record, task, true));
  }

  const label = element("label", { class: "switch" }, input, element("span", {}, title));
  return { node: element("div", { id, class: "explanation" }, label, view), refresh };
}

const looking = () => element("p", { class: "soft" }, "Looking …");
