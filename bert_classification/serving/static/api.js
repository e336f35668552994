// What the page asks the server for. Every failure is an `Error` whose message is a sentence.

let token = "";

export const setToken = (value) => (token = value);

export class Unauthorized extends Error {}

/** The answer to a record, or to none a GET, as JSON. */
export async function ask(path, record, signal) {
  const response = await send(path, record, signal);
  const answer = await response.json().catch(() => undefined);
  if (answer === undefined) throw new Error(`The server answered ${response.status} without JSON.`);
  if (!response.ok || answer.error) throw failure(response, answer);
  return answer;
}

/** The lines of an answer, one after the other, as they come. */
export async function* askForLines(path, record, signal) {
  const response = await send(path, record, signal);
  if (!response.ok) throw failure(response, await response.json().catch(() => ({})));
  let rest = "";
  for await (const part of texts(response.body.getReader())) {
    const lines = (rest + part).split("\n");
    rest = lines.pop();
    for (const line of lines) yield checked(JSON.parse(line));
  }
}

async function* texts(reader) {
  const decoder = new TextDecoder();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    yield decoder.decode(next.value, { stream: true });
  }
}

function checked(line) {
  if (line.error) throw new Error(asSentence(line.error));
  return line;
}

async function send(path, record, signal) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const post = record === undefined ? {} : { method: "POST", body: JSON.stringify(record) };
  try {
    return await fetch(path, { ...post, headers, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server cannot be reached. Is it still running?");
  }
}

function failure(response, answer) {
  if (response.status === 401) return new Unauthorized("The server asks for an access token.");
  const wait = response.headers.get("Retry-After");
  const later = wait ? ` Try again in ${wait} seconds.` : "";
  return new Error(asSentence(answer.error ?? `The server answered ${response.status}.`) + later);
}

function asSentence(message) {
  const text = String(message).trim();
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
