// The page: asks what is served, makes the form of the task, and shows each answer.
import { Unauthorized, ask, askForLines, setToken } from "./api.js";
import { sentence } from "./elements.js";
import { makeExplanations } from "./explanations.js";
import { makeForm } from "./form.js";

const byId = (id) => document.getElementById(id);

let about, task, form, record, explain;
let request = new AbortController();

async function start() {
  byId("error").replaceChildren();
  about = await ask("about");
  task = await import(`./tasks/${about.task ?? "generic"}.js`);
  byId("title").textContent = about.title;
  byId("task").textContent = task.name;
  byId("purpose").textContent = task.purpose;
  byId("submit").textContent = task.verb;
  document.body.dataset.task = about.task ?? "";
  document.title = `${task.name} · ${about.title}`;
  form = makeForm(task.fields(about), byId("fields"));
  explain = makeExplanations(about, task, byId("explanations"), {
    record: () => record,
    signal: () => request.signal,
    failed: showError,
  });
  form.fill(task.example ?? about.example);
  await submit();
}

function listen() {
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  byId("form").addEventListener("reset", (event) => {
    event.preventDefault();
    form.fill(task.example ?? about.example);
    submit();
  });
  byId("form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("form").requestSubmit();
  });
  byId("stop").addEventListener("click", () => request.abort());
  byId("token").addEventListener("input", (event) => setToken(event.target.value));
}

/** Sends the record of the form and shows the answer; a later call takes the place of this one. */
async function submit() {
  if (!form) return start().catch(showError);
  request.abort();
  const mine = (request = new AbortController());
  busy(true);
  byId("error").replaceChildren();
  try {
    record = task.record?.(form.read()) ?? form.read();
    byId("curl").textContent = curl();
    await answer(mine.signal);
  } catch (error) {
    if (error.name !== "AbortError") showError(error);
    return;
  } finally {
    if (mine === request) busy(false);
  }
  await explain();
}

async function answer(signal) {
  if (!about.stream) return show(await ask(task.path ?? "predict", record, signal));
  for await (const output of askForLines("stream", record, signal)) show(output);
}

function show(output) {
  const said = task.headline(output, record) ?? "";
  byId("headline").textContent = output.abstain === true ? `Not sure: ${said}` : said;
  byId("view").replaceChildren(...task.view(output, record, about));
  byId("json").textContent = JSON.stringify(output, null, 2);
}

function showError(error) {
  byId("token").hidden &&= !(error instanceof Unauthorized);
  byId("error").replaceChildren(sentence(error.message));
}

function busy(is) {
  document.body.classList.toggle("busy", is);
  byId("result").setAttribute("aria-busy", is);
  byId("stop").hidden = !(is && about.stream);
}

function curl() {
  const url = new URL(task.path ?? "predict", location.href);
  const body = JSON.stringify(record).replaceAll("'", "'\\''");
  return `curl -s '${url}' -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

listen();
submit();
