"""Whoever must know is told, by real servers, once, and after a kill too."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from remit.evidence import Case, Evidence
from remit.layers.monitor.alarms import Alarm
from remit.layers.monitor.alerts import Alerts, MailServerError, mail_server
from remit.layers.monitor.alerts.signing import SignatureError, check, signed
from remit.layers.monitor.overview import Rate
from remit.policy import Policy, loads

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
REMIT = """\
remit: 1
organisation: Hollis & Finch
responsible: {{owner: Managing partner}}
monitor: {{alerts: [{alerts}]}}
rules:
  - id: no-advice
    says: Gives no <legal> advice.
    because: Only a lawyer may.
    owner: Compliance officer
    detect: [{{phrases: [void]}}]
    audit: [{{phrases: [null and void]}}]
    then: {{output: block}}
    answer: No.
    breaks: ["It is void."]
    keeps: ["Ask a lawyer."]
"""


@dataclass
class Received:
    """What a web hook was sent, and what it answers: a list of statuses, the last one for good."""

    statuses: list[int] = field(default_factory=lambda: [200])
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@contextmanager
def hook() -> Iterator[Received]:
    received = Received()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.requests.append((self.path, headers, body))
            status = received.statuses[0]
            if len(received.statuses) > 1:
                received.statuses.pop(0)
            self.send_response(status)
            if status == 302:
                self.send_header("location", f"{received.url}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    received.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def post_office() -> Iterator[tuple[int, list[Any]]]:
    letters: list[Any] = []

    class Desk:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            letters.append(
                (envelope.rcpt_tos, message_from_bytes(envelope.content, policy=default))
            )
            return "250 taken"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Desk(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port, letters
    finally:
        controller.stop()


def remit(*alerts: str) -> Policy:
    return loads(REMIT.format(alerts=", ".join(alerts))).policy


def alarm(test: Any = "exceeded") -> Alarm:
    return Alarm(
        id=f"alarm_1_no-advice_{test}",
        time="2026-11-24T10:00:00.000Z",
        policy="0" * 64,
        rule="no-advice",
        test=test,
        epoch="epoch_1",
        since="2026-11-20T10:00:00.000Z",
        limit=0.01,
        e_value=150.0,
        threshold=100.0,
        rate=Rate(n=400, count=12.0, rate=0.03, low=0.015, high=0.05),
        says="Gives no <legal> advice.",
        owner="Compliance officer",
    )


def told(evidence: Evidence) -> list[dict[str, Any]]:
    rows = evidence.rows("SELECT id FROM entries WHERE kind = ? ORDER BY seq", ("alert",))
    return [found for (id_,) in rows if (found := evidence.get(id_)) is not None]


def test_a_webhook_is_signed_and_names_the_rule_its_owner_and_the_runbook(tmp_path: Path):
    with hook() as received, Evidence.open(tmp_path / "e.db") as evidence:
        policy = remit(f"{{webhook: {received.url}/in?x=1, secret_env: HOOK}}")
        alerts = Alerts(evidence, secrets={"HOOK": SECRET}, console="https://firm.test/console/")
        asyncio.run(send_all(alerts, policy, alarm()))
        ((path, headers, body),) = received.requests
        now = int(headers["webhook-timestamp"])
        assert path == "/in?x=1"
        assert check(SECRET, headers, body, now) == alarm().id
        value = json.loads(body)
        assert value["runbook"] == f"https://firm.test/console/incidents/no-advice/{alarm().id}"
        assert value["data"]["rule"] == "no-advice"
        assert value["data"]["owner"] == "Compliance officer"
        assert "3.00%" in value["text"]
        (record,) = told(evidence)
        assert (record["action"], record["rule"], record["by"]) == ("sent", "no-advice", "webhook")
        assert SECRET not in json.dumps(record)


async def send_all(alerts: Alerts, policy: Policy, *alarms: Alarm) -> None:
    for one in alarms:
        await alerts(one, policy)
    await alerts.flush()


def test_one_alarm_is_told_once_however_often_it_is_found(tmp_path: Path):
    with hook() as received, Evidence.open(tmp_path / "e.db") as evidence:
        policy = remit(f"{{slack: {received.url}/slack}}")
        alerts = Alerts(evidence)
        asyncio.run(send_all(alerts, policy, alarm(), alarm()))
        asyncio.run(send_all(Alerts(evidence), policy, alarm()))
        assert len(received.requests) == 1
        asyncio.run(send_all(alerts, policy, alarm("changed")))
        assert len(received.requests) == 2


def test_chat_receivers_get_text_without_mark_up_of_its_own(tmp_path: Path):
    with hook() as received, Evidence.open(tmp_path / "e.db") as evidence:
        policy = remit(f"{{slack: {received.url}/slack}}")
        asyncio.run(
            send_all(Alerts(evidence, console="https://firm.test/console"), policy, alarm())
        )
        text = json.loads(received.requests[0][2])["text"]
        assert "Gives no &lt;legal&gt; advice." in text
        assert f"<https://firm.test/console/incidents/no-advice/{alarm().id}|What to do>" in text


def test_mail_reaches_the_owner_under_a_stable_id(tmp_path: Path):
    with post_office() as (port, letters), Evidence.open(tmp_path / "e.db") as evidence:
        server = mail_server(f"smtp://127.0.0.1:{port}", "remit@firm.test")
        policy = remit("{email: partner@firm.test}")
        asyncio.run(send_all(Alerts(evidence, mail=server), policy, alarm()))
        ((to, letter),) = letters
        assert to == ["partner@firm.test"]
        assert letter["Subject"].startswith("[Remit] Hollis & Finch: no-advice")
        assert letter["Message-ID"] == f"<{alarm().id}@firm.test>"
        assert letter["Auto-Submitted"] == "auto-generated"
        assert "Gives no <legal> advice." in letter.get_content()


def test_a_receiver_that_is_down_is_tried_again_later_by_whichever_process_lives(tmp_path: Path):
    with hook() as received, Evidence.open(tmp_path / "e.db") as evidence:
        received.statuses = [503, 503, 200]
        policy = remit(f"{{slack: {received.url}/slack}}")
        start = datetime.now(UTC)

        async def days() -> list[int]:
            await Alerts(evidence)(alarm(), policy)
            moments = (start, start + timedelta(seconds=1), start + timedelta(hours=1),
                       start + timedelta(hours=3), start + timedelta(hours=9))  # fmt: skip
            return [await Alerts(evidence).flush(m + timedelta(seconds=1)) for m in moments]

        assert asyncio.run(days()) == [0, 0, 0, 1, 0]
        assert len(received.requests) == 3
        (record,) = told(evidence)
        assert (record["action"], record["tries"]) == ("sent", 3)


HOPELESS = [(302, "answered 302"), (400, "answered 400"), (404, "answered 404")]


@pytest.mark.parametrize(("status", "why"), HOPELESS)
def test_what_cannot_succeed_is_recorded_as_failed_and_no_redirect_is_followed(
    tmp_path: Path, status: int, why: str
):
    with hook() as received, Evidence.open(tmp_path / "e.db") as evidence:
        received.statuses = [status]
        asyncio.run(send_all(Alerts(evidence), remit(f"{{slack: {received.url}/s}}"), alarm()))
        (record,) = told(evidence)
        assert (record["action"], record["why"]) == ("failed", why)
        assert [path for path, _, _ in received.requests] == ["/s"]


def test_after_three_days_it_is_given_up_and_said_so(tmp_path: Path):
    with Evidence.open(tmp_path / "e.db") as evidence:
        policy = remit("{slack: http://127.0.0.1:9/closed}")

        async def late() -> None:
            await Alerts(evidence)(alarm(), policy)
            await Alerts(evidence).flush()
            await Alerts(evidence).flush(datetime.now(UTC) + timedelta(days=4))

        asyncio.run(late())
        (record,) = told(evidence)
        assert record["action"] == "failed"
        assert record["why"].startswith("connect")


UNSET = ["{webhook: http://127.0.0.1:9/, secret_env: HOOK}", "{slack: {url_env: CHAT}}",
         "{email: a@firm.test}"]  # fmt: skip


@pytest.mark.parametrize("alert", UNSET)
def test_a_missing_secret_or_mail_server_is_named(tmp_path: Path, alert: str):
    with Evidence.open(tmp_path / "e.db") as evidence:
        asyncio.run(send_all(Alerts(evidence), remit(alert), alarm()))
        (record,) = told(evidence)
        assert any(name in record["why"] for name in ("HOOK", "CHAT", "REMIT_SMTP"))


def test_a_signature_is_of_this_secret_this_body_and_this_moment():
    # The worked example of the Standard Webhooks specification and its libraries' tests.
    body = b'{"test": 2432232314}'
    headers = signed(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert check(SECRET, headers, body, 1614265330 + 299) == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    two = {**headers, "webhook-signature": f"v1,AAAA {headers['webhook-signature']}"}
    assert check(SECRET, two, body, 1614265330)
    for changed, text, now in (
        (headers, body + b" ", 1614265330),
        (headers, body, 1614265330 + 301),
        ({**headers, "webhook-id": "other"}, body, 1614265330),
        ({**headers, "webhook-timestamp": "²"}, body, 1614265330),
        ({}, body, 1614265330),
    ):
        with pytest.raises(SignatureError):
            check(SECRET, changed, text, now)


MAIL = [
    ("smtp://mail.firm.test", "remit@firm.test", ("starttls", 587)),
    ("smtps://u%40x@mail.firm.test", "remit@firm.test", ("tls", 465)),
    ("smtp://127.0.0.1:25", "remit@firm.test", ("none", 25)),
    ("smtp://localhost:2525", "remit@firm.test", ("none", 2525)),
    ("http://mail.firm.test", "remit@firm.test", None),
    ("smtp://u:secret@mail.firm.test", "remit@firm.test", None),
    ("smtp://mail.firm.test:x", "remit@firm.test", None),
    ("smtp://mail.firm.test", "remit", None),
    ("smtp://mail.firm.test", "remit@firm.test\r\nBcc: all@firm.test", None),
]


@pytest.mark.parametrize(("url", "sender", "wanted"), MAIL)
def test_mail_goes_encrypted_unless_it_stays_on_this_machine(
    url: str, sender: str, wanted: tuple[str, int] | None
):
    if wanted is None:
        with pytest.raises(MailServerError) as refused:
            mail_server(url, sender)
        assert "secret" not in str(refused.value)
    else:
        server = mail_server(url, sender)
        assert (server.security, server.port) == wanted


def test_a_case_that_nobody_answers_is_told_and_never_what_the_client_wrote(tmp_path: Path):
    case = Case(
        "case_1", "2026-11-24T09:00:00.000Z", "2026-11-25T09:00:00.000Z", "no-advice",
        "Compliance officer", "the duty accountant", {"conversation": [{"text": "secret words"}]},
    )  # fmt: skip
    with hook() as received, Evidence.open(tmp_path / "e.db") as evidence:
        policy = remit(f"{{webhook: {received.url}/in}}")
        alerts = Alerts(evidence, console="https://firm.test/console")

        async def told_twice() -> None:
            for overdue in (False, True, True):
                await alerts.of_case(case, policy, overdue=overdue)
            await alerts.flush()

        asyncio.run(told_twice())
        values = [json.loads(body) for _, _, body in received.requests]
        assert sorted(value["id"] for value in values) == ["case_1/overdue", "case_1/reminded"]
        for value in values:
            assert value["type"] == "remit.case"
            assert value["runbook"] == "https://firm.test/console/cases/case_1"
            assert "secret words" not in json.dumps(value)
