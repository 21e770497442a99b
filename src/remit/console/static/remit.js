// The remit's pages: problems while one types, a line that is jumped to, and work that is waited for.
import { local } from "./console.js";

const PAUSE = 600;
const AGAIN = 1200;
const STOPPED = Symbol("stopped");

const text = document.querySelector("textarea[data-lint]");
if (text) lint(text);
for (const node of document.querySelectorAll("[data-again]")) again(node.id, node.dataset.again);

/** Asks for the problems of the text whenever one stops typing. The newest answer counts. */
function lint(area) {
  const found = document.getElementById("found");
  const state = document.getElementById("lint-state");
  let timer, running;
  area.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
  found.addEventListener("click", (event) => {
    const link = event.target.closest("[data-line]");
    if (!link) return;
    event.preventDefault();
    jump(area, Number(link.dataset.line));
  });
  async function ask() {
    running?.abort();
    running = new AbortController();
    state.textContent = "checking …";
    const body = new URLSearchParams({ csrf: area.form.elements.csrf.value, text: area.value });
    try {
      const page = await asked("POST", area.dataset.lint, body, running.signal);
      found.replaceChildren(...page.body.childNodes);
      state.textContent = "checked";
    } catch (error) {
      if (error !== STOPPED) state.textContent = "not checked; use the button";
    }
  }
}

/** Marks a line of the text and brings it into view. */
function jump(area, line) {
  const lines = area.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
  const height = area.scrollHeight / lines.length;
  area.scrollTop = Math.max(0, height * (line - 1) - area.clientHeight / 3);
}

/** Looks again at work that goes on, until it has ended. */
function again(id, address) {
  setTimeout(async () => {
    try {
      const fresh = (await asked("GET", address + location.search)).getElementById(id);
      const old = document.getElementById(id);
      if (!fresh || !old) return location.reload();
      old.replaceWith(document.adoptNode(fresh));
      for (const time of fresh.querySelectorAll("time[datetime]")) local(time);
      if (fresh.dataset.again) again(id, fresh.dataset.again);
    } catch {
      again(id, address);
    }
  }, AGAIN);
}

/** A page of our own server as a document, in which no script runs. */
function asked(method, address, body = null, signal = null) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, address);
    request.responseType = "document";
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(request.status));
    request.onerror = () => reject(request.status);
    request.onabort = () => reject(STOPPED);
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}
