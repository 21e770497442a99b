// What a console page does beyond plain links and forms: times in the reader's own zone, keys.

/** Shows a time in the reader's zone; the UTC of the record stays as its title. */
export function local(time) {
  const moment = new Date(time.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  const today = moment.toDateString() === new Date().toDateString();
  const day = today ? {} : { day: "numeric", month: "short" };
  const exact = time.closest("[data-seconds]") ? { second: "2-digit" } : {};
  const clock = { hour: "2-digit", minute: "2-digit", ...exact, hour12: false };
  time.textContent = moment.toLocaleString("en-GB", { ...day, ...clock });
}

for (const time of document.querySelectorAll("time[datetime]")) local(time);

// Single keys move the focus and decide nothing; whoever does not want them turns them off
// (WCAG 2.2, 2.1.4). Ctrl+Enter sends the form that is written in.
const KEYS = "remit-console-keys";
const box = document.getElementById("keys");

function wanted() {
  try {
    return localStorage.getItem(KEYS) !== "off";
  } catch {
    return true;
  }
}

if (box) {
  box.parentElement.hidden = false;
  box.checked = wanted();
  box.addEventListener("change", () => localStorage.setItem(KEYS, box.checked ? "on" : "off"));
}

function writing(node) {
  return node.matches?.("input:not([type=checkbox], [type=radio]), textarea, select");
}

function step(by) {
  const links = [...document.querySelectorAll("[data-keys=lines] .title")];
  const here = links.indexOf(document.activeElement);
  links[Math.min(Math.max(here + by, 0), links.length - 1)]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) {
    const form = event.target.form;
    form.requestSubmit(form.querySelector("button[name=verb]"));
    event.preventDefault();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target) || !wanted()) return;
  if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target) return;
  target.closest("details")?.setAttribute("open", "");
  target.focus();
  event.preventDefault();
});
