// What the page asks the server for. Every failure is an `Error` whose message is a sentence.

let token = "";

export const setToken = (value) => (token = value);

export class Unauthorized extends Error {}

/** The answer to a record that is posted; without one, to a GET. */
export async function ask(path, record, signal) {
  const response = await send(path, record, signal);
  if (!response.ok) throw await failure(response);
  return response.json().catch((error) => fail(error, "The answer is not JSON."));
}

/** The lines of an answer, one after the other, as they come. */
export async function* askForLines(path, record, signal) {
  const response = await send(path, record, signal);
  if (!response.ok) throw await failure(response);
  let rest = "";
  for await (const part of texts(response.body.getReader())) {
    const lines = (rest + part).split("\n");
    rest = lines.pop();
    for (const line of lines) yield checked(JSON.parse(line));
  }
}

async function* texts(reader) {
  const decoder = new TextDecoder();
  const read = () => reader.read().catch((error) => fail(error, "The answer broke off."));
  for (let next = await read(); !next.done; next = await read()) {
    yield decoder.decode(next.value, { stream: true });
  }
}

/** What was broken off on purpose stays an `AbortError`. */
function fail(error, message) {
  throw error.name === "AbortError" ? error : new Error(message);
}

function checked(line) {
  if (line.error) throw new Error(asSentence(line.error));
  return line;
}

async function send(path, record, signal) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const post = record === undefined ? {} : { method: "POST", body: JSON.stringify(record) };
  return fetch(path, { ...post, headers, signal }).catch((error) =>
    fail(error, "The server cannot be reached. Is it still running?"),
  );
}

async function failure(response) {
  if (response.status === 401) return new Unauthorized("The server asks for an access token.");
  const answer = await response.json().catch(() => ({}));
  const wait = response.headers.get("Retry-After");
  const later = wait ? ` Try again in ${wait} seconds.` : "";
  return new Error(asSentence(answer.error ?? `The server answered ${response.status}.`) + later);
}

function asSentence(message) {
  const text = String(message).trim();
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
