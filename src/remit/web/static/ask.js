// One question to the assistant: the request, the stream, and faults in plain words.

import { events } from "./sse.js";

const MEANINGS = {
  401: "The gateway asks for a key that this page does not have.",
  403: "The gateway does not allow this.",
  408: "The message took too long to arrive.",
  413: "The message is too long.",
  429: "The assistant is busy. Wait a moment, then try again.",
  500: "Something went wrong in the gateway.",
  502: "The assistant's model can't be reached.",
  503: "The assistant is not available just now.",
  504: "The assistant's model took too long.",
};

/** A fault as people read it: `message` says what happened, `detail` what the server said. */
export class Fault extends Error {
  constructor(message, detail = "") {
    super(message);
    this.detail = detail;
  }
}

/**
 * Sends the conversation; calls `onReceipt(id)` when the headers are in and `onText(delta)` for
 * each piece. Returns the finish reason. Throws Fault, or AbortError where `signal` stopped it.
 */
export async function ask({ model, messages, signal, onReceipt, onText }) {
  const response = await send({ model, messages, stream: true }, signal);
  onReceipt(response.headers.get("x-remit-receipt"));
  if (!response.ok) throw await refusal(response);
  try {
    if ((response.headers.get("content-type") ?? "").startsWith("application/json")) {
      return whole(await response.json(), onText);
    }
    return await stream(response.body, onText);
  } catch (error) {
    if (error instanceof Fault || error.name === "AbortError") throw error;
    throw new Fault("The connection was lost before the answer was complete.");
  }
}

async function send(body, signal) {
  try {
    return await fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault("The gateway can't be reached. Check the connection, then try again.");
  }
}

async function refusal(response) {
  const detail = await response.json().then((body) => body?.error?.message, () => "");
  const meaning = MEANINGS[response.status] ?? (response.status < 500
    ? "The request was refused." : "Something went wrong on the way to the assistant.");
  return new Fault(meaning, typeof detail === "string" ? detail : "");
}

function whole(body, onText) {
  const choice = body?.choices?.[0];
  onText(choice?.message?.content ?? choice?.message?.refusal ?? "");
  return choice?.finish_reason ?? "stop";
}

async function stream(body, onText) {
  let finish = null;
  let done = false;
  try {
    // Read on to the end after [DONE]: to hang up there would look like a client that left.
    for await (const { data } of events(body)) {
      done ||= data === "[DONE]";
      if (!done) finish = take(parse(data), onText) ?? finish;
    }
  } catch (error) {
    if (!done) throw error;
  }
  if (!done && finish === null) {
    throw new Fault("The connection was lost before the answer was complete.");
  }
  return finish ?? "stop";
}

/** Passes the text of a chunk on; returns its finish reason, null while there is none. */
function take(chunk, onText) {
  // The event's own key decides: a model that writes {"error": …} only writes text.
  if (chunk.error) throw new Fault("The answer broke off.", String(chunk.error.message ?? ""));
  const choice = chunk.choices?.[0];
  const delta = choice?.delta?.content ?? choice?.delta?.refusal;
  if (typeof delta === "string") onText(delta);
  return choice?.finish_reason ?? null;
}

function parse(data) {
  try {
    const chunk = JSON.parse(data);
    if (chunk && typeof chunk === "object") return chunk;
  } catch {
    // Falls through: neither half an event nor a bare word is a chunk.
  }
  throw new Fault("The answer came in a form that this page can't read.");
}
