// What people and models wrote, shown as it is: each line a paragraph of text nodes, with marks.

import { el } from "./dom.js";

/** Adds streamed text to the end of a box. */
export function grow(box, delta) {
  delta.split("\n").forEach((piece, index) => {
    if (index > 0 || !box.lastElementChild) box.append(el("p"));
    if (piece) append(box.lastElementChild, visible(piece));
  });
}

/**
 * Shows a whole text with its marks. A mark is {start, end, kind, note}: characters as the
 * receipt counts them, which are code points and not the UTF-16 units of this language.
 */
export function draw(box, text, marks = []) {
  const placed = place(text, marks);
  const lines = [];
  let from = 0;
  for (const line of text.split("\n")) {
    lines.push(paragraph(line, from, placed));
    from += line.length + 1;
  }
  box.replaceChildren(...lines);
}

/** Control and direction-override characters made visible: they must not restyle or reorder. */
export function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f\u202d\u202e]/g, (character) => {
    if (character === "\r") return "";
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
  });
}

function append(paragraph, piece) {
  const last = paragraph.lastChild;
  if (last instanceof Text) last.appendData(piece);
  else paragraph.append(piece);
}

function place(text, marks) {
  const usable = marks.filter((mark) => 0 <= mark.start && mark.start < mark.end);
  const wanted = [...new Set(usable.flatMap((mark) => [mark.start, mark.end]))].sort((a, b) => a - b);
  const units = new Map();
  let unit = 0;
  let point = 0;
  for (const offset of wanted) {
    for (; point < offset && unit < text.length; point += 1) {
      unit += text.codePointAt(unit) > 0xffff ? 2 : 1;
    }
    units.set(offset, unit);
  }
  return usable.map((mark) => ({ ...mark, start: units.get(mark.start), end: units.get(mark.end) }));
}

function paragraph(line, from, marks) {
  const to = from + line.length;
  const here = marks.filter((mark) => mark.start < to && from < mark.end);
  const cuts = new Set([from, to]);
  for (const mark of here) {
    cuts.add(Math.max(from, mark.start));
    cuts.add(Math.min(to, mark.end));
  }
  const edges = [...cuts].sort((a, b) => a - b);
  const node = el("p");
  for (let i = 0; i + 1 < edges.length; i += 1) {
    const piece = visible(line.slice(edges[i] - from, edges[i + 1] - from));
    const over = here.filter((mark) => mark.start <= edges[i] && edges[i + 1] <= mark.end);
    node.append(over.length ? marked(piece, over, edges[i + 1]) : piece);
  }
  return node;
}

function marked(piece, over, end) {
  const kinds = [...new Set(over.map((mark) => mark.kind))];
  // The number stands once, where the mark ends, and not after each piece of it.
  const notes = [...new Set(over.filter((mark) => mark.end === end && mark.note).map((m) => m.note))];
  return el(
    "mark",
    {
      class: kinds.join(" "),
      title: [...new Set(over.map((mark) => mark.title))].join("; "),
      "data-note": notes.length ? notes.join(",") : null,
    },
    piece,
  );
}
