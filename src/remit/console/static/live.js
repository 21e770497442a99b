// New answers come in at the top while the page is looked at; each is text in a copied row.

import { local } from "./console.js";

const list = document.getElementById("answers");
const pace = document.getElementById("pace");
const hold = document.getElementById("hold");
const most = Number(list.dataset.most);
let source = null;
let held = false;

function row(line) {
  const node = document.getElementById("row").content.firstElementChild.cloneNode(true);
  const slot = (name) => node.querySelector(`[data-slot=${name}]`);
  node.className = `answer act-${line.action}`;
  node.dataset.id = line.id;
  node.querySelector(".tag use").setAttribute("href", `#i-${line.action}`);
  node.querySelector(".go").href = `/console/evidence/${encodeURIComponent(line.id)}`;
  for (const name of ["deed", "owner", "note", "model"]) slot(name).textContent = line[name];
  slot("rules").textContent = line.rules.join("; ");
  for (const name of ["asked", "answered"]) {
    slot(name).textContent = line[name];
    slot(name).hidden = !line[name];
  }
  const time = node.querySelector("time");
  time.dateTime = line.time;
  local(time);
  return node;
}

function add(line) {
  if (held || list.querySelector(`[data-id="${CSS.escape(line.id)}"]`)) return;
  document.getElementById("none").hidden = true;
  list.prepend(row(line));
  while (list.children.length > most) list.lastElementChild.remove();
}

function open() {
  if (source || held) return;
  source = new EventSource(pace.dataset.live);
  source.addEventListener("open", () => { pace.textContent = "New answers appear as they are given"; });
  source.addEventListener("answer", (event) => add(JSON.parse(event.data)));
  source.addEventListener("missed", () => location.reload());
  source.addEventListener("error", () => { pace.textContent = "The connection is lost; trying again"; });
}

function close() {
  source?.close();
  source = null;
}

// A browser allows six connections to one host: a page that nobody looks at keeps none.
document.addEventListener("visibilitychange", () => (document.hidden ? close() : location.reload()));
hold.hidden = false;
hold.addEventListener("click", () => {
  held = !held;
  hold.textContent = held ? "Go on" : "Hold";
  if (!held) return location.reload();
  pace.textContent = "Held: nothing new is added";
  return close();
});
open();
