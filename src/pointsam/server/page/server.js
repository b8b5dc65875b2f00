// Every request of the page; what goes wrong comes back as an error of one line.

const CLIENT = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { "X-Pointsam-Client": CLIENT, ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    throw new Refused(0, "The server does not answer. What you clicked is saved; start it again and reload.");
  }
  if (!answer.ok) {
    const text = await answer.json().then((said) => said.error, () => answer.statusText);
    throw new Refused(answer.status, text);
  }
  return answer.json();
}

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
export const put = (path, body) => ask("PUT", path, body);
export const patch = (path, body) => ask("PATCH", path, body);
export const remove = (path) => ask("DELETE", path);
