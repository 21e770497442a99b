// Server-sent events read from a fetch body (WHATWG HTML, 9.2), however the bytes are cut.

const LONGEST_EVENT = 8_000_000; // characters; more is no chat event but a fault

/** Yields {event, data} for each event. Throws RangeError where one grows without end. */
export async function* events(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder(); // holds back split characters, drops a byte-order mark
  const state = { event: "", data: [], size: 0 };
  let rest = "";
  let seen = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      let from = 0;
      for (let line; (line = nextLine(rest, from, seen, done)); from = seen = line.next) {
        const event = take(state, line.text);
        if (event) yield event;
      }
      rest = rest.slice(from);
      // What was searched is not searched again; a last CR may be half of a CRLF.
      seen = Math.max(0, rest.length - 1);
      if (state.size + rest.length > LONGEST_EVENT) throw new RangeError("event too long");
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function nextLine(text, from, seen, last) {
  const ending = /\r\n|\n|\r/g;
  ending.lastIndex = Math.max(from, seen);
  const found = ending.exec(text);
  if (!found) return null;
  const next = found.index + found[0].length;
  if (found[0] === "\r" && next === text.length && !last) return null;
  return { text: text.slice(from, found.index), next };
}

function take(state, line) {
  if (line === "") {
    const event = { event: state.event || "message", data: state.data.join("\n") };
    const complete = state.data.length > 0;
    state.event = "";
    state.data = [];
    state.size = 0;
    return complete ? event : null;
  }
  const colon = line.indexOf(":");
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (field === "event") state.event = value;
  if (field === "data") {
    state.data.push(value);
    state.size += value.length;
  }
  return null;
}
