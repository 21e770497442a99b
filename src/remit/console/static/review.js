// Digits answer the question that has the focus, and go on to the next one. Everything works
// without: radio buttons have the arrow keys, and forms are sent by Enter.

const asked = [...document.querySelectorAll("[data-asked]")];
const first = (group) => group.querySelector("input:checked") ?? group.querySelector("input");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !/^[1-5]$/.test(event.key)) return;
  const at = asked.indexOf(event.target.closest?.("[data-asked]"));
  if (at < 0) return;
  const choice = asked[at].querySelectorAll("input")[Number(event.key) - 1];
  if (!choice) return;
  choice.checked = true;
  const next = asked[at + 1] ? first(asked[at + 1]) : document.querySelector("button[value=keep]");
  next.focus();
  event.preventDefault();
});

if (asked.length) first(asked[0]).focus({ preventScroll: true });
