"""A firm's console with something in it: accounts of every role, cases, an incident, answers."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

from remit.console import Console, Live
from remit.console.accounts import Account, adding
from remit.console.passwords import Passwords
from remit.console.roles import Role
from remit.evidence import Case, Evidence, new_id, stamp
from remit.http.message import Request, Response
from remit.layers.monitor.interventions import by_hand
from remit.layers.monitor.overview import (
    CanaryOverview,
    Day,
    Drift,
    Epoch,
    Overview,
    Rate,
    RuleOverview,
    Sample,
    Slice,
    StandingAlarm,
)
from remit.layers.monitor.people import Person
from remit.policy import Policy, load
from remit.policy.intervening import Kind

ROOT = Path(__file__).resolve().parents[2]
POLICY = load(ROOT / "examples/accounting/remit.yaml").policy
PASSWORD = "correct-horse-battery-staple"
HELD = Passwords().hashed(PASSWORD)
PEOPLE = {
    "vera": Account("vera", Role.VIEWER),
    "rob": Account("rob", Role.REVIEWER),
    "olga": Account("olga", Role.OWNER, "Compliance officer"),
    "ada": Account("ada", Role.ADMIN, "Managing partner"),
}
SAID = "My landlord keeps my deposit. Can I sue him?"
DRAFT = "Yes, you can sue him; the contract is void."
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}\u202eevil"


@dataclass
class Clock:
    """A clock that a test can put forward."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


def answer(action: str = "allow", rule: str = "no-legal-advice", **more: Any) -> dict[str, Any]:
    """A record as the guard writes it."""
    allowed = action == "allow"
    return {
        "id": f"rct_{new_id()}",
        "time": stamp(),
        "kind": "answer",
        "policy": POLICY.digest,
        "model": "house",
        "action": action,
        "findings": [] if allowed else [_finding(action, rule)],
        "rules": {} if allowed else {rule: {"action": action, "score": 1.0}},
        "decisive": [] if allowed else [rule],
        "case": None,
        "error": None,
        "asked": SAID,
        "answered": "I can't advise on the law.",
        **more,
    }


def _finding(action: str, rule: str) -> dict[str, Any]:
    return {
        "stage": "output",
        "message": 1,
        "rule": rule,
        "says": POLICY.rule(rule).says,
        "owner": POLICY.rule(rule).owner,
        "detector": "phrases",
        "action": action,
        "score": 1.0,
        "reason": "phrase “you can sue”",
        "spans": [[5, 16, "phrase"]],
        "failure": None,
    }


def a_case(hours: float = 5, **more: Any) -> tuple[dict[str, Any], Case]:
    """A handoff and the answer that it came from."""
    now = datetime.now(UTC)
    record = answer("hand_over")
    rule = POLICY.rule("no-legal-advice")
    case = Case(
        id=f"case_{new_id()}",
        time=stamp(now - timedelta(hours=2)),
        due=stamp(now + timedelta(hours=hours)),
        rule=rule.id,
        owner=rule.owner,
        colleague="the duty accountant",
        question={
            "receipt": record["id"],
            "conversation": [
                {"role": "user", "text": "When is my VAT return due?"},
                {"role": "assistant", "text": "On the last day of the month after the quarter."},
                {"role": "user", "text": SAID},
            ],
            "draft": DRAFT,
            "told": "I can't advise on the law. I have passed your question on.",
        },
        receipt=record["id"],
        fallback="I can't advise on the law.",
    )
    return record, replace(case, **more)


def overview(policy: Policy = POLICY, days: int = 60) -> Overview:
    """Rules that hold, one that is broken and one of which too little is known."""
    now = datetime.now(UTC)
    rules = [_rule(policy, number, now, days) for number in range(len(policy.rules))]
    drift = (
        Drift("answer length", "characters", "output", 4000, 310.0, 330.0, 900, 402.0, "up", 1.4,
              "Answers have become longer: 402 characters, 320 before."),
        Drift("language nl", "share", "input", 4000, 0.2, 0.24, 900, 0.22, "", 0.1,
              "Dutch questions: 22 %, as before."),
    )  # fmt: skip
    canary = CanaryOverview(
        time=stamp(now - timedelta(hours=7)),
        cases=40,
        broken=1,
        failed=0,
        model="house",
        moved=(),
        moved_at="",
        words="It answers the fixed cases as it did at the beginning.",
    )
    return Overview(
        policy.digest, policy.organisation, stamp(now), stamp(now), 12_840, 31_220,
        tuple(rules), drift, canary, "the traffic, as far as the canary can tell",
    )  # fmt: skip


def _rule(policy: Policy, number: int, now: datetime, days: int) -> RuleOverview:
    rule, chance = policy.rules[number], Random(number)
    true = 3.1 * rule.tolerance if number == 0 else 0.1 * rule.tolerance
    n = broken = 0
    series = []
    for back in range(days - 1, -1, -1):
        judged = 3 if number == 1 else chance.randint(60, 140)
        n += judged
        broken += sum(chance.random() < true for _ in range(judged))
        rate = broken / n
        spread = 2.6 * (max(rate * (1 - rate), 0.3 * rule.tolerance / 10) / n) ** 0.5 + 0.5 / n
        day = (now - timedelta(days=back)).date().isoformat()
        series.append(
            Day(day, 214, 9, 7, 2, judged, broken, 1, rate, max(0.0, rate - spread),
                min(1.0, rate + spread), 0.2, 0.1)
        )  # fmt: skip
    last = series[-1]
    above, below = last.low > rule.tolerance, last.high <= rule.tolerance
    standing = "broken" if above else "holding" if below else "unsure"
    why = {
        "broken": "its rate is above its limit",
        "holding": "as far as its auditor sees",
        "unsure": "not enough judged to say",
    }[standing]
    alarm = None
    if number == 0:
        alarm = StandingAlarm("alarm_1", stamp(now - timedelta(hours=20)), "exceeded", 140.0)
    return RuleOverview(
        rule=rule.id, says=rule.says, owner=rule.owner, standing=standing,
        why=why,
        limit=rule.tolerance, basis="audit", epoch=Epoch("e1", stamp(now - timedelta(days=60)),
        "the remit went live"), reached=Rate(broken, n, last.rate, last.low, last.high),
        found=Rate(540, 12_840, 0.042, 0.03, 0.05), stopped=430, through=110, missed=3,
        overblocked=Rate(2, 31, 0.06, 0.01, 0.2) if number % 2 else Rate(0, 0, None, 0, 1),
        sample=Sample(n + 4, n, 4, 0), exceeded=1.4 if number == 0 else 0.1, changed=0.2,
        alarm=alarm,
        slices=(Slice("channel", "output", 12_840, 400, 320, 80),
                Slice("language", "nl", 2_840, 140, 110, 30)),
        days=tuple(series),
    )  # fmt: skip


@dataclass
class Scene:
    """A console over a record of its own, and who is who."""

    evidence: Evidence
    clock: Clock
    console: Console
    cases: list[str] = field(default_factory=list)
    intervention: str = ""
    overview: Overview = field(default_factory=overview)

    def fill(self) -> None:
        """Answers, three cases, an alarm on a rule, and what was done about it."""
        for action in ("allow", "redact", "allow", "block", "replace", "flag"):
            self.evidence.append_sync(answer(action))
        for hours in (5, -1, 30):
            record, case = a_case(hours)
            self.evidence.append_sync({**record, "case": case.id}, case=case)
            self.cases.append(case.id)
        now = datetime.now(UTC)
        self.evidence.append_sync(
            {
                "id": "alarm_1",
                "time": stamp(now - timedelta(hours=20)),
                "kind": "alarm",
                "action": "exceeded",
                "rule": "no-legal-advice",
                "words": "3.1 % of 412 judged conversations; the limit is 1 %.",
            }
        )
        begun = by_hand(
            Person("olga", "console"),
            Kind.TIGHTEN,
            0.3,
            owner="Compliance officer",
            why="Too many answers speak of the law since Monday.",
            rule="no-legal-advice",
            now=now - timedelta(hours=19),
            hours=48,
        )
        self.evidence.change_sync(begun.record(), begun)
        self.intervention = begun.intervention.id

    def ask(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> Response:
        """One request, in an event loop of its own."""
        return asyncio.run(self.send(method, path, form, **headers))

    async def send(
        self, method: str, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> Response:
        """One request; header names with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        place, _, query = path.partition("?")
        body = b""
        if form is not None:
            body = urlencode(form).encode()
            named.setdefault("content-type", "application/x-www-form-urlencoded")
        request = Request(
            method, place, query, {"host": "console.test", **named}, body, "127.0.0.1"
        )
        return await self.console(request)

    def login(self, name: str, password: str = PASSWORD) -> Browser:
        """A browser in which this person is logged in."""
        browser = Browser(self)
        page = browser.get("/console/login")
        assert page.status == 200
        response = browser.post("/console/login", name=name, password=password)
        assert response.status == 303, text(response)
        return browser


@dataclass
class Browser:
    """Keeps cookies and the token of the last page, as a browser and its user would."""

    scene: Scene
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""
    last: Response = field(default_factory=lambda: Response(204))

    def get(self, path: str, **headers: str) -> Response:
        """A page; its token is kept for the next form."""
        response = self._sent("GET", path, None, headers)
        found = re.search(r'name="csrf" value="([^"]*)"', text(response))
        if found:
            self.token = found[1]
        return response

    def post(self, path: str, **form: str) -> Response:
        """A form of the last page; `csrf=` puts another token in."""
        return self._sent("POST", path, {"csrf": self.token, **form}, {})

    def _sent(
        self, method: str, path: str, form: dict[str, str] | None, headers: dict[str, str]
    ) -> Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = self.last = self.scene.ask(method, path, form, cookie=cookie, **headers)
        for name, value in response.headers:
            if name == "set-cookie":
                pair, *attributes = value.split("; ")
                key, _, kept = pair.partition("=")
                if "Max-Age=0" in attributes:
                    self.cookies.pop(key, None)
                else:
                    self.cookies[key] = kept
        return response


def text(response: Response) -> str:
    """The body as text."""
    return response.body.decode()


def location(response: Response) -> str:
    """Where it sends the browser."""
    return dict(response.headers)["location"]


@contextmanager
def staged(
    folder: Path, *, policy: Policy = POLICY, secure: bool = False, **more: Any
) -> Iterator[Scene]:
    """A scene with its accounts and nothing else; `fill` puts the rest in."""
    with Evidence.open(folder / "evidence.db") as evidence:
        for account in PEOPLE.values():
            change = adding(account, HELD, "test", stamp())
            evidence.change_sync(change.record(), change)
        clock = Clock()
        scenes: list[Scene] = []
        console = Console(
            evidence,
            lambda: Live(policy),
            secure=secure,
            standing=lambda *_, **__: scenes[0].overview,
            clock=clock,
            **more,
        )
        scenes.append(Scene(evidence, clock, console))
        yield scenes[0]
        # In a thread: a test that drives a browser has an event loop running in this one.
        thread = threading.Thread(target=lambda: asyncio.run(console.close()))
        thread.start()
        thread.join()
