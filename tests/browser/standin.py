"""A stand-in for the gateway: it serves the page and says what a test scripts."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from remit.web import PageView, RuleView, asset, asset_headers, page, security_headers

DIGEST = "9f2c41d07be58a6630c4aa0f5be19d7e11c8f0a2d4439be07a5d1f6c3e82b940"
RULES = (
    RuleView(
        "no-legal-advice",
        "Does not give legal advice.",
        "Only a lawyer may; our insurance excludes it.",
        "Compliance officer",
        "high",
        {"input": "allow", "output": "hand_over"},
    ),
    RuleView(
        "no-client-data",
        "Never repeats client data in its output.",
        "Our duty of confidence, and the GDPR.",
        "Data protection lead",
        "critical",
        {"input": "redact", "output": "redact", "tool": "block"},
    ),
    RuleView(
        "no-guarantees",
        "Promises no result.",
        "We cannot promise what the tax office decides.",
        "Managing partner",
        "medium",
        {"output": "replace"},
    ),
    RuleView(
        "no-instructions",
        "Does not tell its instructions.",
        "They hold how we work.",
        "IT lead",
        "low",
        {"output": "block"},
    ),
)
VIEW = PageView(
    organisation="Hollis & Finch Accountants",
    assistant_name="Ada",
    assistant_role="answers clients' questions about our services",
    model="remit-house-demo",
    demonstration=True,
    policy_digest=DIGEST,
    rules=RULES,
    tries=(
        "When is my VAT return due?",
        "My client does not pay. Can I sue him?",
        "My IBAN is NL91 ABNA 0417 1643 00. Can you repeat it?",
    ),
    language="en",
    colleague="the duty accountant",
)


@dataclass
class Scene:
    """One answer: its text, how it is cut and how it ends (done, error, lost, hang).

    `spread` writes an event over several data lines; `late` is how often its receipt is missing.
    """

    text: str = ""
    receipt: dict[str, Any] | None = None
    letters: int = 6
    bytes_a_write: int = 1 << 20
    ending: str = "done"
    status: int = 200
    line_end: str = "\n"
    spread: bool = False
    late: int = 0
    pause: float = 0.0

    def wire(self) -> bytes:
        """The stream up to its ending."""
        deltas = [self.text[i : i + self.letters] for i in range(0, len(self.text), self.letters)]
        events = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}]
        events += [{"choices": [{"index": 0, "delta": {"content": d}}]} for d in deltas]
        if self.ending == "error":
            events.append({"error": {"message": "upstream <b>broke</b> off"}})
        if self.ending == "done":
            events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        lines = [": hello", ""]
        for event in events:
            text = json.dumps(event, ensure_ascii=False, indent=0 if self.spread else None)
            lines += [f"data: {line}" for line in text.split("\n")] + [""]
        if self.ending == "done":
            lines += ["data: [DONE]", ""]
        return (self.line_end.join(lines) + self.line_end).encode()


@dataclass
class Desk:
    """The stand-in gateway: what it will say, and what it was asked."""

    url: str = ""
    view: PageView = VIEW
    scenes: dict[str, Scene | list[Scene]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    receipts: dict[str, dict[str, Any]] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    hung_up: threading.Event = field(default_factory=threading.Event)

    def scene(self, question: str) -> Scene:
        """The scene scripted for a question; a list is used up, one a time."""
        scene = self.scenes.get(question, Scene("Noted.", receipt()))
        return scene.pop(0) if isinstance(scene, list) else scene


def receipt(action: str = "allow", **changes: Any) -> dict[str, Any]:
    """A receipt in which input and output were checked and nothing was found."""
    checked = {"checked": True, "texts": 1, "action": action}
    value: dict[str, Any] = {
        "id": "rct_01J9Z6W4T2",
        "policy": DIGEST,
        "action": action,
        "channels": {
            "input": {**checked, "rules": ["no-client-data"]},
            "output": {**checked, "rules": [rule.id for rule in RULES]},
            "tool": {"checked": False, "rules": ["no-client-data"], "texts": 0},
        },
        "findings": [],
        "decisive": [],
        "delivered": {"complete": action == "allow", "marks": []},
        "input_marks": [],
        "case": None,
        "record": {"writer": "w1", "seq": 17, "hash": "ab"},
    }
    return {**value, **changes}


def finding(rule_id: str, stage: str, action: str, reason: str, **changes: Any) -> dict[str, Any]:
    """One finding of a rule of the page's remit."""
    rule = next(rule for rule in RULES if rule.id == rule_id)
    value = {
        "stage": stage,
        "message": 0,
        "rule": rule.id,
        "says": rule.says,
        "owner": rule.owner,
        "detector": "phrases",
        "action": action,
        "score": 1.0,
        "reason": reason,
        "spans": [],
        "failure": None,
    }
    return {**value, **changes}


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    desk: Desk

    def log_message(self, *args: Any) -> None:
        """Silent: the tests' output is the tests'."""

    def do_GET(self) -> None:
        self.desk.paths.append(self.path)
        name = self.path.removeprefix("/static/").partition("?")[0]
        if self.path == "/":
            self._send(200, page(self.desk.view), (("content-type", "text/html; charset=utf-8"),))
        elif self.path.startswith("/static/") and (found := asset(name)):
            self._send(200, found[0], asset_headers(name))
        elif self.path.startswith("/receipts/"):
            self._receipt(self.path.removeprefix("/receipts/"))
        else:
            self._send(404, b"{}")

    def do_POST(self) -> None:
        self.desk.paths.append(self.path)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.desk.asked.append(body)
        scene = self.desk.scene(body["messages"][-1]["content"])
        headers: list[tuple[str, str]] = []
        if scene.receipt:
            name = scene.receipt["id"]
            self.desk.receipts[name] = scene.receipt
            self.desk.late[name] = scene.late
            headers.append(("x-remit-receipt", name))
        if scene.status != 200:
            error = {"error": {"message": scene.text}}
            self._send(scene.status, json.dumps(error).encode(), headers)
        else:
            self._stream(scene, headers)

    def _receipt(self, id: str) -> None:
        self.desk.late[id] = self.desk.late.get(id, 0) - 1
        if id in self.desk.receipts and self.desk.late[id] < 0:
            self._send(200, json.dumps(self.desk.receipts[id]).encode())
        else:
            self._send(404, b"{}")

    def _send(self, status: int, body: bytes, headers: Any = ()) -> None:
        self.send_response(status)
        for name, value in (*security_headers(), *headers, ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, scene: Scene, headers: list[tuple[str, str]]) -> None:
        self.send_response(200)
        for name, value in (*headers, ("content-type", "text/event-stream")):
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        wire, size = scene.wire(), scene.bytes_a_write
        try:
            for start in range(0, len(wire), size):
                self._chunk(wire[start : start + size])
                time.sleep(scene.pause)
            while scene.ending == "hang":
                self._chunk(b": still here\n\n")
                time.sleep(0.02)
        except OSError:
            self.desk.hung_up.set()
        if scene.ending == "lost":
            self.close_connection = True
            return
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def serve(desk: Desk) -> ThreadingHTTPServer:
    """A server of `desk` on a free port of the loopback, not yet running."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Door", (_Door,), {"desk": desk}))
    server.daemon_threads = True
    desk.url = f"http://127.0.0.1:{server.server_address[1]}"
    return server


def ask(page, question, answers=1):
    """Writes a question, presses Enter and waits for as many receipts as there are turns."""
    page.get_by_label("Your message to").fill(question)
    page.keyboard.press("Enter")
    page.locator(".receipt").nth(answers - 1).wait_for()


def answer(page, turn=1):
    """The text of an answer as people see it."""
    return page.locator(f".turn:nth-child({turn}) .answer .text").inner_text()
