// The conversation: what is sent, what is shown, and where the keyboard is.

import { ask, Fault } from "./ask.js";
import { el, icon } from "./dom.js";
import { describe, fetchReceipt, marks, panel } from "./receipt.js";
import { draw, grow } from "./text.js";

const { model, assistant, colleague } = document.body.dataset;
const byId = (id) => document.getElementById(id);
const [turnList, composer, message, send, stop, status, fresh, welcome, remit] = [
  "turns", "composer", "message", "send", "stop", "status", "new", "welcome", "remit",
].map(byId);
const wide = matchMedia("(min-width: 52rem)");

let turns = [];
let running = null; // the AbortController of the answer under way

function say(text) {
  status.textContent = text;
}

/** What the model is sent: every exchange so far that came to an answer, then this question. */
function history(turn) {
  const before = turns.slice(0, turns.indexOf(turn)).filter((earlier) => earlier.answer);
  return [
    ...before.flatMap((earlier) => [
      { role: "user", content: earlier.question },
      { role: "assistant", content: earlier.answer },
    ]),
    { role: "user", content: turn.question },
  ];
}

function newTurn(question) {
  const asked = el("div", { class: "text", dir: "auto" });
  const answered = el("div", { class: "text", dir: "auto" });
  const foot = el("div", { class: "foot" });
  const margin = el("div", { class: "margin" });
  const answer = el("div", { class: "answer" }, el("h2", {}, assistant), answered, foot);
  const node = el("li", { class: "turn" },
    el("div", { class: "question" }, el("h2", {}, "You"), asked), answer, margin);
  draw(asked, question);
  turnList.append(node);
  return { question, answer: "", asked, answered, foot, margin, node, box: answer };
}

async function run(turn) {
  const control = new AbortController();
  const messages = history(turn);
  let receipt = null;
  begin(turn, control);
  const pen = writer(turn);
  try {
    const finish = await ask({
      model, messages, signal: control.signal,
      onReceipt: (id) => { receipt = id; },
      onText: pen.write,
    });
    pen.flush();
    if (finish === "length") remark(turn, "The answer reached its length limit.");
    if (!turn.answer) remark(turn, "The answer was empty.");
  } catch (error) {
    pen.flush();
    if (control.signal.reason === "cleared") return;
    if (control.signal.aborted) remark(turn, "Stopped.");
    else fault(turn, error);
  }
  end(turn, control);
  await account(turn, receipt, messages.length - 1);
}

function begin(turn, control) {
  running = control;
  turn.answer = "";
  turn.answered.replaceChildren();
  turn.foot.replaceChildren();
  turn.margin.replaceChildren(el("p", { class: "pending" }, "Checking as it is written"));
  turn.box.setAttribute("aria-busy", "true");
  turn.box.hidden = false;
  document.querySelectorAll(".retry").forEach((button) => button.remove());
  switchTo({ asking: true });
  say(`${assistant} is answering.`);
  reveal(turn.node);
}

function end(turn, control) {
  turn.box.removeAttribute("aria-busy");
  if (running !== control) return;
  running = null;
  switchTo({ asking: false });
}

function switchTo({ asking }) {
  const focused = document.activeElement === stop;
  send.hidden = asking;
  stop.hidden = !asking;
  if (focused) message.focus();
}

/** Writes once a frame, however fast the pieces come, and keeps the end in view. */
function writer(turn) {
  let waiting = "";
  let frame = 0;
  const flush = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    if (!waiting) return;
    following(() => grow(turn.answered, waiting));
    waiting = "";
  };
  const write = (delta) => {
    turn.answer += delta;
    waiting += delta;
    frame ||= requestAnimationFrame(flush);
  };
  return { write, flush };
}

/** Makes a change that may lengthen the page; who was reading its end still is. */
function following(change) {
  const page = document.documentElement;
  const atEnd = page.scrollHeight - page.scrollTop - page.clientHeight < 120;
  change();
  if (atEnd) page.scrollTop = page.scrollHeight;
}

function reveal(node) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  node.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
}

function remark(turn, text) {
  following(() => turn.foot.append(el("p", { class: "remark" }, text)));
}

function fault(turn, error) {
  const known = error instanceof Fault ? error : new Fault("This page failed.", String(error));
  const again = el("button", { type: "button", class: "quiet retry" }, icon("retry"), "Try again");
  again.addEventListener("click", () => {
    if (running) return;
    message.focus();
    run(turn);
  });
  const words = el("div", {}, el("p", {}, known.message),
    known.detail ? el("p", { class: "detail", dir: "auto" }, known.detail) : null);
  following(() => turn.foot.append(el("div", { class: "fault" }, icon("warn"), words, again)));
  say(`${known.message} You can try again.`);
}

/** Fetches the receipt and puts it beside the answer, with its marks in both texts. */
async function account(turn, id, index) {
  const spoken = turn.answer.length > 600 ? `${turn.answer.slice(0, 600)} …` : turn.answer;
  if (!id) {
    noReceipt(turn, "No receipt came with this answer: what was checked is not known.");
    if (spoken) say(`${assistant}: ${spoken}`);
    return;
  }
  try {
    const receipt = await fetchReceipt(id);
    const open = wide.matches;
    const copied = () => say("Receipt id copied.");
    following(() => {
      turn.margin.replaceChildren(panel(receipt, { colleague, index, open, copied }));
      annotate(turn, marks(receipt, index));
    });
    const { word, rest } = describe(receipt, colleague);
    if (spoken) say(`${assistant}: ${spoken} Remit: ${word} ${rest}`);
  } catch {
    const again = el("button", { type: "button", class: "quiet" }, icon("retry"), "Fetch the receipt");
    again.addEventListener("click", () => account(turn, id, index));
    noReceipt(turn, `The receipt ${id} could not be fetched.`, again);
  }
}

function noReceipt(turn, text, again = null) {
  const missing = el("div", { class: "receipt missing" }, icon("warn"), el("p", {}, text), again);
  following(() => turn.margin.replaceChildren(missing));
}

function annotate(turn, { message: inQuestion, answer: inAnswer }) {
  if (inQuestion.length) draw(turn.asked, turn.question, inQuestion);
  if (!inAnswer.length) return;
  draw(turn.answered, turn.answer, inAnswer);
  const kinds = new Set(inAnswer.map((mark) => mark.kind));
  const legend = el("p", { class: "legend" });
  if (kinds.has("mask")) legend.append(el("span", {}, el("mark", { class: "mask" }, "[…]"), " masked by Remit"));
  if (kinds.has("own")) legend.append(el("span", {}, el("mark", { class: "own" }, "Shaded"), " written by Remit, not by the model"));
  turn.foot.prepend(legend);
}

function submit(text) {
  if (running || !text.trim()) return;
  welcome.hidden = true;
  fresh.hidden = false;
  message.value = "";
  fit();
  const turn = newTurn(text.trim());
  turns.push(turn);
  run(turn);
}

function clear() {
  running?.abort("cleared");
  running = null;
  turns = [];
  turnList.replaceChildren();
  switchTo({ asking: false });
  welcome.hidden = false;
  fresh.hidden = true;
  say("New conversation.");
  message.focus();
}

function fit() {
  message.rows = Math.min(8, message.value.split("\n").length);
}

function openRule(event) {
  const link = event.target.closest?.('a[href^="#rule-"]');
  const rule = link && byId(link.getAttribute("href").slice(1));
  if (!rule) return;
  event.preventDefault();
  remit.open = true;
  rule.open = true;
  rule.querySelector("summary").focus();
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(message.value);
});
message.addEventListener("keydown", (event) => {
  // An Enter that only confirms a composed character (Japanese, Chinese) does not send.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit(message.value);
});
message.addEventListener("input", fit);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") running?.abort();
});
stop.addEventListener("click", () => running?.abort());
fresh.addEventListener("click", clear);
document.querySelectorAll(".try").forEach((button) => button.addEventListener("click", () => {
  submit(button.textContent);
  message.focus();
}));
document.addEventListener("click", openRule);
remit.open = matchMedia("(min-width: 75rem)").matches;
// On a phone the focus would raise the keyboard over what there is to read.
if (wide.matches) message.focus({ preventScroll: true });
