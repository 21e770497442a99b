// The receipt beside an answer: what was checked, what was found, what was done.

import { count, el, icon, list } from "./dom.js";

const WORDS = {
  allow: "Passed",
  flag: "Flagged",
  redact: "Masked",
  replace: "Replaced",
  hand_over: "Handed over",
  block: "Blocked",
};
const PLACES = { input: "Your message", output: "The answer", tool: "Use of a tool" };
const WAITS = [100, 200, 400, 800, 1500, 3000]; // milliseconds: a record may become durable just after

/** The receipt as JSON. Throws where there is none in time, or none that can be read. */
export async function fetchReceipt(id, signal) {
  for (const wait of [...WAITS, null]) {
    const response = await fetch(receiptUrl(id), { signal, cache: "no-store" });
    if (response.ok) return response.json();
    if (response.status !== 404 || wait === null) throw new Error(`status ${response.status}`);
    await new Promise((resume) => setTimeout(resume, wait));
  }
  throw new Error("unreachable");
}

function receiptUrl(id) {
  return `/receipts/${encodeURIComponent(id)}`;
}

/** Findings of one rule make one note; notes are numbered as they come. */
export function notes(receipt) {
  const byRule = new Map();
  for (const finding of receipt.findings ?? []) {
    const note = byRule.get(finding.rule) ?? { number: byRule.size + 1, findings: [] };
    note.findings.push(finding);
    byRule.set(finding.rule, note);
  }
  return [...byRule.values()];
}

/** The marks for the client's message (at `index` of what was sent) and for the answer. */
export function marks(receipt, index) {
  const numbers = new Map(notes(receipt).map((note) => [note.findings[0].rule, note.number]));
  const message = (receipt.input_marks ?? [])
    .filter((mark) => mark[0] === index)
    .map(([, start, end, rule, label]) => ({
      start, end, kind: "found", note: numbers.get(rule), title: label ? `${rule}: ${label}` : rule,
    }));
  const answer = (receipt.delivered?.marks ?? []).map(([start, end, rule, kind]) => ({
    start,
    end,
    kind: kind === "mask" ? "mask" : "own",
    note: numbers.get(rule),
    title: kind === "mask" ? `Masked by rule ${rule}` : `Remit's own words, by rule ${rule}`,
  }));
  return { message, answer };
}

/** What was done, in words: {action, word, rest}; `word` and `rest` read as one sentence. */
export function describe(receipt, colleague) {
  const action = receipt.action;
  const word = WORDS[action] ?? String(action);
  const by = blame(receipt.decisive ?? []);
  const rest = {
    allow: passed(receipt),
    flag: `for review${by}.`,
    redact: `${count(masked(receipt), "part")}${by}.`,
    replace: `with a set answer${by}.`,
    hand_over: `to ${colleague}${by}.`,
    block: `${by.trim() || "by Remit"}.`,
  };
  return { action: known(action), word, rest: rest[action] ?? `${by.trim()}.` };
}

function blame(rules) {
  return rules.length ? ` by ${rules.length === 1 ? "rule" : "rules"} ${list(rules)}` : "";
}

function passed(receipt) {
  const rules = new Set(
    Object.values(receipt.channels ?? {}).flatMap((channel) => (channel.checked ? channel.rules : [])),
  );
  if (rules.size === 0) return "unchecked: no rule was asked.";
  const found = (receipt.findings ?? []).length;
  if (!found) return `Checked ${count(rules.size, "rule")}. Nothing found.`;
  return `Checked ${count(rules.size, "rule")}. ${count(found, "finding")}, let through.`;
}

function masked(receipt) {
  const inAnswer = (receipt.delivered?.marks ?? []).filter((mark) => mark[3] === "mask").length;
  const redacting = new Set(
    (receipt.findings ?? [])
      .filter((finding) => finding.stage === "input" && finding.action === "redact")
      .map((finding) => finding.rule),
  );
  return inAnswer + (receipt.input_marks ?? []).filter((mark) => redacting.has(mark[3])).length;
}

/**
 * The panel of the answer to message `index` of what was sent. `open` unfolds it; `copied` is
 * told the id once it is on the clipboard.
 */
export function panel(receipt, { colleague, index, open, copied }) {
  const { action, word, rest } = describe(receipt, colleague);
  const summary = el(
    "summary",
    {},
    el("span", { class: "stamp" }, icon(action), el("strong", {}, word)),
    " ",
    el("span", { class: "sentence" }, rest),
  );
  const found = notes(receipt).map((note) => noteItem(note, index));
  return el(
    "details",
    { class: `receipt act-${action}`, open },
    summary,
    found.length ? el("ol", { class: "notes", "aria-label": "Findings" }, ...found) : null,
    el("ul", { class: "channels", "aria-label": "What was checked" }, ...channelItems(receipt), ...bareItems(receipt)),
    facts(receipt, copied),
  );
}

function noteItem({ number, findings }, index) {
  const { rule, says, owner } = findings[0];
  const reasons = [...new Set(findings.map(reason))];
  const failed = findings.some((finding) => finding.failure);
  const deeds = byAction(findings);
  return el("li", { class: `note act-${known(deeds[0][0])}` },
    el("div", { class: "where" },
      el("span", { class: "number", "aria-hidden": "true" }, String(number)),
      el("div", {}, ...deeds.map((deed) => deedLine(deed, index)))),
    el("p", { class: "says", dir: "auto" }, says ?? rule),
    ...reasons.map((line) => el("p", { class: failed ? "reason failed" : "reason", dir: "auto" }, line)),
    el("p", { class: "owner" }, el("a", { href: `#rule-${rule}` }, rule), ` · ${owner ?? "no owner"}`));
}

/** [action, findings] with the most severe first; an action unknown to this page before all. */
function byAction(findings) {
  const order = Object.keys(WORDS);
  const rank = (action) => order.includes(action) ? order.indexOf(action) : order.length;
  const groups = new Map();
  for (const finding of findings) {
    groups.set(finding.action, [...(groups.get(finding.action) ?? []), finding]);
  }
  return [...groups].sort(([a], [b]) => rank(b) - rank(a));
}

function deedLine([action, findings], index) {
  const where = findings.map(({ stage, message }) =>
    stage === "input" && message !== index ? "an earlier message" : place(stage).toLowerCase());
  const word = action === "allow" ? "Let through" : WORDS[action] ?? String(action);
  return el("p", { class: `act-${known(action)}` },
    el("span", { class: "tag" }, icon(known(action)), word),
    ` ${list([...new Set(where)])}`);
}

function known(action) {
  return Object.hasOwn(WORDS, action) ? action : "unknown";
}

function place(stage) {
  return PLACES[stage] ?? String(stage);
}

function reason(finding) {
  if (finding.failure) return `Could not be checked: ${finding.failure}`;
  return [finding.reason || finding.detector, share(finding.score)].filter(Boolean).join(" · ");
}

function share(score) {
  return typeof score === "number" && score < 1 ? `${Math.round(score * 100)} % sure` : "";
}

function channelItems(receipt) {
  return Object.entries(receipt.channels ?? {}).map(([name, channel]) =>
    channel.checked ? checkedItem(name, channel) : uncheckedItem(name, channel));
}

function checkedItem(name, channel) {
  const rules = channel.rules ?? [];
  const links = rules.flatMap((rule, i) => [i ? ", " : "", el("a", { href: `#rule-${rule}` }, rule)]);
  return el("li", { class: "checked" }, icon("allow"),
    el("details", {},
      el("summary", {}, `${place(name)}: checked, ${count(rules.length, "rule")}`),
      el("p", {}, ...links)));
}

function uncheckedItem(name, channel) {
  const asked = (channel.rules ?? []).length > 0;
  const texts = channel.texts ?? 0;
  const missed = asked && texts > 0;
  const none = name === "tool" ? "no tool was used" : "there was nothing to check";
  const why = missed ? "although a rule asks for it" : texts === 0 ? none : "no rule asks for it";
  return el("li", { class: missed ? "missed" : "unchecked" }, icon(missed ? "warn" : "none"),
    el("span", {}, `${place(name)}: not checked, ${why}`));
}

/** What went past all checks, such as a picture: it must stand out. */
function bareItems(receipt) {
  return (receipt.unchecked ?? []).map((what) =>
    el("li", { class: "missed" }, icon("warn"), el("span", {}, `Passed on unchecked: ${what}`)));
}

function facts(receipt, copied) {
  const id = String(receipt.id);
  const json = el("a", { href: receiptUrl(id), target: "_blank", rel: "noopener" },
    "JSON", el("span", { class: "unseen" }, ` of receipt ${id}, in a new tab`));
  const policy = el("span", {}, "Policy ",
    el("code", { title: receipt.policy }, String(receipt.policy ?? "none").slice(0, 12)));
  const more = [
    receipt.record ? `record ${receipt.record.seq}` : null,
    receipt.delivered?.complete === false ? "the model's answer was not delivered whole" : null,
  ].filter(Boolean).map((fact) => ` · ${fact}`);
  return el("div", { class: "facts" },
    el("p", { class: "line" }, el("span", {}, "Receipt "), el("code", { class: "id", title: id }, id), copyButton(id, copied), json),
    receipt.case ? el("p", {}, el("span", {}, "Case ", el("code", {}, receipt.case))) : null,
    el("p", {}, el("span", {}, policy, ...more)));
}

function copyButton(id, copied) {
  const button = el("button", { type: "button", class: "icon", "aria-label": `Copy receipt id ${id}`, title: "Copy" }, icon("copy"));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(id);
      copied(id);
    } catch {
      // No clipboard without TLS: leave the id selected, so that the usual keys copy it.
      getSelection().selectAllChildren(button.parentElement.querySelector(".id"));
    }
  });
  return button;
}
