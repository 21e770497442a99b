// Digits choose an answer, the arrow goes back, Enter keeps: a rater's hands stay on the keyboard.
"use strict";

const form = document.getElementById("answer");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "Enter" && !event.target.closest("a, button, summary")) {
    event.preventDefault();
    form.requestSubmit();
    return;
  }
  const chosen = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!chosen) return;
  if (chosen.matches("a")) {
    if (!event.target.closest("input")) chosen.click();
    return;
  }
  event.preventDefault();
  chosen.checked = true;
  chosen.focus({ preventScroll: true });
});
