// The page: asks what is served, makes the form of the task, and shows each answer.
import { Unauthorized, ask, askForLines, setToken } from "./api.js";
import { sentence } from "./elements.js";
import { makeForm } from "./form.js";
import { importance } from "./importance.js";

const at = (id) => document.getElementById(id);

let about, task, form, record;
let request = new AbortController();

async function start() {
  at("error").replaceChildren();
  about = await ask("about");
  task = await import(`./tasks/${about.task ?? "generic"}.js`);
  at("title").textContent = about.title;
  at("task").textContent = task.name;
  at("purpose").textContent = task.purpose;
  at("submit").textContent = task.verb;
  at("importance").hidden = !about.saliency;
  document.body.dataset.task = about.task ?? "";
  document.title = `${task.name} · ${about.title}`;
  form = makeForm(task.fields(about), at("fields"));
  form.fill(about.example);
  await submit();
}

function listen() {
  at("form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  at("form").addEventListener("reset", (event) => {
    event.preventDefault();
    form.fill(about.example);
    submit();
  });
  at("form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("form").requestSubmit();
  });
  at("stop").addEventListener("click", () => request.abort());
  at("importance-switch").addEventListener("change", showImportance);
  at("token").addEventListener("input", (event) => setToken(event.target.value));
}

/** Sends the record of the form and shows the answer; a later call takes the place of this one. */
async function submit() {
  if (!form) return start().catch(showError);
  request.abort();
  const mine = (request = new AbortController());
  busy(true);
  at("error").replaceChildren();
  try {
    record = task.record?.(form.read()) ?? form.read();
    at("curl").textContent = curl();
    await answer(mine.signal);
    await showImportance();
  } catch (error) {
    if (error.name !== "AbortError") showError(error);
  } finally {
    if (mine === request) busy(false);
  }
}

async function answer(signal) {
  if (!about.stream) return show(await ask("predict", record, signal));
  for await (const output of askForLines("stream", record, signal)) show(output);
}

function show(output) {
  at("headline").textContent = task.headline(output, record) ?? "";
  at("view").replaceChildren(...task.view(output, record, about));
  at("json").textContent = JSON.stringify(output, null, 2);
}

async function showImportance() {
  at("importance-view").replaceChildren();
  if (!at("importance-switch").checked) return;
  at("importance-view").textContent = "Looking …";
  try {
    const words = await ask("saliency", record, request.signal);
    const wanted = at("importance-switch").checked;
    at("importance-view").replaceChildren(...(wanted ? importance(words, record) : []));
  } catch (error) {
    at("importance-view").replaceChildren();
    if (error.name !== "AbortError") showError(error);
  }
}

function showError(error) {
  at("token").hidden &&= !(error instanceof Unauthorized);
  at("error").replaceChildren(sentence(error.message));
}

function busy(is) {
  document.body.classList.toggle("busy", is);
  at("result").setAttribute("aria-busy", is);
  at("stop").hidden = !(is && about.stream);
}

function curl() {
  const url = new URL("predict", location.href);
  const body = JSON.stringify(record).replaceAll("'", "'\\''");
  return `curl -s '${url}' -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

listen();
submit();
