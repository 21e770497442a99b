// Digits choose an answer, n writes a note, arrows go back and on, Enter keeps: hands stay on keys.
"use strict";

const form = document.getElementById("answer");
const note = document.getElementById("note");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const writing = event.target === note;
  if (writing && event.key === "Escape") note.blur();
  if (event.key === "Enter" && form.requestSubmit && !event.target.closest("a, button, summary")) {
    event.preventDefault();
    form.requestSubmit();
    return;
  }
  if (writing) return;
  if (event.key === "n" && note) {
    event.preventDefault();
    note.focus();
    return;
  }
  const chosen = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!chosen) return;
  event.preventDefault();
  if (chosen.matches("a")) {
    chosen.click();
    return;
  }
  chosen.checked = true;
  chosen.focus({ preventScroll: true });
});
