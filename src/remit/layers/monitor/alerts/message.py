"""What is said of an alarm, in the three forms in which it travels. Pure; it quotes no client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any
from urllib.parse import quote

import orjson

from remit.evidence import Case
from remit.layers.monitor.alarms import Alarm
from remit.policy import Policy

_TITLES: Mapping[str, str] = {
    "exceeded": "more violations than tolerated",
    "changed": "violations have become more frequent",
    "moved": "traffic or answers have changed",
    "cleared": "back within its tolerance",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to be told. `id` stays the same however often it is sent: receivers drop repeats.

    `runbook` is the console's page on it, or empty where no address of the console is known.
    """

    id: str
    time: str
    title: str
    text: str
    runbook: str
    data: Mapping[str, Any]
    type: str = "remit.alarm"

    def as_dict(self) -> dict[str, Any]:
        """As it waits in the outbox."""
        return {
            "id": self.id,
            "time": self.time,
            "title": self.title,
            "text": self.text,
            "runbook": self.runbook,
            "data": dict(self.data),
            "type": self.type,
        }

    def webhook(self) -> bytes:
        """The JSON body of a webhook."""
        value = {
            "type": self.type,
            "id": self.id,
            "timestamp": self.time,
            "title": self.title,
            "text": self.text,
            "runbook": self.runbook or None,
            "data": dict(self.data),
        }
        return orjson.dumps(value)

    def slack(self) -> bytes:
        """The body of an incoming webhook as Slack, Mattermost and Rocket.Chat take it."""
        lines = [f"*{_plain(self.title)}*", _plain(self.text)]
        if self.runbook:
            lines.append(f"<{self.runbook}|What to do>")
        return orjson.dumps({"text": "\n".join(lines)})

    def mail(self, sender: str, to: str) -> EmailMessage:
        """The e-mail. Its Message-ID is made of `id`, so that a repeat is known as one."""
        mail = EmailMessage()
        mail["From"], mail["To"] = sender, to
        mail["Subject"] = " ".join(f"[Remit] {self.title}".split())[:200]
        domain = sender.rpartition("@")[2].strip("> ") or None
        stable = make_msgid(domain=domain).rpartition("@")[2]
        mail["Message-ID"] = f"<{quote(self.id, safe='')}@{stable}"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence notice answers it
        foot = f"\n\nWhat to do: {self.runbook}" if self.runbook else ""
        mail.set_content(f"{self.text}{foot}\n")
        return mail


def restored(value: Mapping[str, Any]) -> Message:
    """The message that `as_dict` wrote down. Raises KeyError or TypeError for anything else."""
    return Message(
        str(value["id"]),
        str(value["time"]),
        str(value["title"]),
        str(value["text"]),
        str(value["runbook"]),
        dict(value["data"]),
        str(value["type"]),
    )


def of_alarm(alarm: Alarm, policy: Policy, console: str = "") -> Message:
    """What is told of an alarm; `console` is the address at which people reach the console."""
    what = alarm.rule or alarm.quantity
    title = f"{policy.organisation}: {what}: {_TITLES.get(alarm.test, alarm.test)}"
    place = f"/incidents/{quote(alarm.rule, safe='')}/{quote(alarm.id, safe='')}"
    runbook = f"{console.rstrip('/')}{place if alarm.rule else '/'}" if console else ""
    data = {
        "organisation": policy.organisation,
        "policy": alarm.policy,
        "rule": alarm.rule or None,
        "says": alarm.says or None,
        "owner": alarm.owner or None,
        "quantity": alarm.quantity or None,
        "statistic": alarm.statistic,
    }
    return Message(alarm.id, alarm.time, title, _text(alarm), runbook, data)


def of_case(case: Case, policy: Policy, console: str = "", *, overdue: bool) -> Message:
    """What is told of a case whose reminder or deadline has come: never what the client wrote."""
    what = "overdue" if overdue else "due soon"
    title = f"{policy.organisation}: a case is {what} ({case.rule})"
    promised = f"The client was promised an answer by {case.colleague}"
    text = f"{promised} until {case.due}; nobody has given one. {case.owner} answers for the rule."
    runbook = f"{console.rstrip('/')}/cases/{quote(case.id, safe='')}" if console else ""
    data = {
        "organisation": policy.organisation,
        "policy": policy.digest,
        "case": case.id,
        "rule": case.rule,
        "owner": case.owner,
        "due": case.due,
        "overdue": overdue,
    }
    return Message(
        f"{case.id}/{'overdue' if overdue else 'reminded'}",
        case.due if overdue else case.remind,
        title,
        text,
        runbook,
        data,
        "remit.case",
    )


def _text(alarm: Alarm) -> str:
    if alarm.quantity:
        return f"{alarm.words} ({alarm.owner} answers for it.)" if alarm.owner else alarm.words
    rate = alarm.rate
    lines = [f"Rule: {alarm.says} ({alarm.owner} answers for it.)"]
    if rate.rate is not None:
        lines.append(
            f"Measured since {alarm.since}: {rate.rate:.2%} of conversations "
            f"(between {rate.low:.2%} and {rate.high:.2%}; {rate.n:,} judged), "
            f"tolerated {alarm.limit:.2%}."
        )
    if alarm.words:
        lines.append(alarm.words)
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text in which the receiver finds no mark-up, mention or link of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
