"""The remit's and the evidence's pages beside a long record: server time and size of each page.

    python bench/console_remit.py [RECORDS]

Makes a record of RECORDS answers (1,000,000 unless given), one in a hundred stopped, and asks for
each page several times, best and median; then replays answers over a draft that adds phrases to one
rule, and over one that no rule of the record answers for. A page should take 150 ms at most and
100 KB; a replay should do 2,000 answers a second.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from remit.console import Console, Live
from remit.console.accounts import Account, adding
from remit.console.drafting.drafts import Drafting, Kept
from remit.console.passwords import Passwords
from remit.console.replay import Replay
from remit.console.replay.job import newest_first
from remit.console.roles import Role
from remit.console.sessions import begin, cookie_name
from remit.evidence import Evidence, new_id, stamp
from remit.http.message import Request
from remit.policy import Policy, loads

TEXT = (Path(__file__).resolve().parents[1] / "examples/accounting/remit.yaml").read_text()
RULES = ("no-legal-advice", "no-investment-advice", "refer-when-in-doubt")
SAID = (
    "Your VAT return is due on the last day of the month after the quarter ends.",
    "We need your bank statements, the invoices of the year and the payroll overview.",
    "A delivery van is a fixed asset: its cost is spread over the years in which you use it.",
    "You can send the papers by the portal, by post, or bring them to our office.",
)


def answer(policy: Policy, chance: random.Random) -> dict[str, Any]:
    """A record as the guard writes it, about 1.5 KB."""
    stopped = chance.random() < 0.01
    rule = policy.rule(chance.choice(RULES))
    action = str(rule.then["output"]) if stopped else "allow"
    finding = {
        "stage": "output", "message": 1, "rule": rule.id, "says": rule.says, "owner": rule.owner,
        "detector": "phrases", "action": action, "score": 1.0, "reason": "phrase",
        "spans": [[3, 9, "phrase"]], "failure": None,
    }  # fmt: skip
    checked = {"checked": True, "rules": [r.id for r in policy.rules], "texts": 1}
    said = " ".join(chance.choices(SAID, k=4))
    if chance.random() < 0.02:
        said += " Please see the payroll summary."
    return {
        "id": f"rct_{new_id()}", "time": stamp(), "kind": "answer",
        "organisation": policy.organisation, "policy": policy.digest, "model": "m",
        "upstream": "u", "action": action, "unchecked": [], "input_marks": [], "error": None,
        "channels": {"input": checked | {"action": "allow"}, "output": checked | {"action": action},
                     "tool": {"checked": False, "rules": [], "texts": 0, "action": "allow"}},
        "findings": [finding] if stopped else [],
        "rules": {rule.id: {"action": action, "score": 1.0}} if stopped else {},
        "decisive": [rule.id] if stopped else [],
        "delivered": {"complete": not stopped, "marks": [], "sha256": "0" * 64}, "case": None,
        "asked": chance.choice(SAID), "answered": said,
    }  # fmt: skip


async def fill(evidence: Evidence, policy: Policy, count: int) -> None:
    """Writes so many answers."""
    chance = random.Random(7)
    waiting: set[asyncio.Future[Any]] = set()
    for _ in range(count):
        waiting.add(evidence.append_nowait(answer(policy, chance)))
        if len(waiting) >= 4_000:
            await asyncio.gather(*waiting)
            waiting.clear()
    await asyncio.gather(*waiting)


def timed(console: Console, path: str, cookie: str, times: int = 7) -> tuple[float, float, int]:
    """Best and median milliseconds, and the bytes of the page."""
    place, _, query = path.partition("?")
    headers = {"host": "localhost", "cookie": cookie}
    took, size = [], 0
    for _ in range(times):
        request = Request("GET", place, query, headers, b"", "127.0.0.1")
        began = time.perf_counter()
        response = asyncio.run(console(request))
        took.append((time.perf_counter() - began) * 1000)
        assert response.status == 200, (path, response.body)
        size = len(response.body)
    return min(took), statistics.median(took), size


def pages(evidence: Evidence, digest: str) -> Iterator[str]:
    """Every page of the two rooms, and searches that no index answers by itself."""
    (id_,) = evidence.rows("SELECT id FROM entries WHERE action = 'hand_over' LIMIT 1")[0]
    last = evidence.rows("SELECT max(position) FROM entries")[0][0]
    yield from ("/console/remit", f"/console/remit/rules/{RULES[0]}", "/console/remit/edit")
    yield f"/console/remit/drafts/{digest}"
    yield f"/console/evidence/{id_}"
    search = "/console/evidence"
    day = stamp()[:10]
    yield from (search, f"{search}?older={last // 2}", f"{search}?rule={RULES[0]}")
    yield from (f"{search}?kind=remit", f"{search}?action=hand_over", f"{search}?kind=answer")
    yield from (f"{search}?kind=answer&action=replace", f"{search}?since={day}&until={day}")
    yield from (f"{search}?since=2031-01-01", f"{search}?rule={RULES[0]}&kind=answer&since={day}")
    yield from (f"{search}?id={id_}", f"{search}?text=delivery+van", f"{search}?text=nowhere")


def main() -> None:
    """Makes the record, and prints a line a page."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    policy = loads(TEXT).policy
    longer = TEXT.replace("you should sue,", "you should sue, payroll summary,", 1)
    draft = loads(longer)
    with tempfile.TemporaryDirectory() as folder, Evidence.open(f"{folder}/e.db") as evidence:
        began = time.perf_counter()
        asyncio.run(fill(evidence, policy, count))
        print(f"{count:,} answers written in {time.perf_counter() - began:.0f} s")
        held = Passwords().hashed("correct-horse-battery")
        account = adding(Account("ada", Role.ADMIN, "Managing partner"), held, "bench", stamp())
        evidence.change_sync(account.record(), account)
        now = stamp()
        kept = Kept(draft.policy.digest, longer, "draft", "ada", "", now, now, policy.digest)
        evidence.change_sync(Drafting(kept).record(), Drafting(kept))
        console = Console(evidence, lambda: Live(policy, TEXT))
        token = begin(evidence, "ada", console.desk.clock())
        cookie = f"{cookie_name(secure=False)}={token}"
        for path in pages(evidence, draft.policy.digest):
            best, median, size = timed(console, path, cookie)
            shown = path.replace(draft.policy.digest, "…")
            print(f"{best:7.1f} ms best {median:7.1f} ms median {size / 1000:6.1f} KB  {shown}")
        for name, known in (("one rule", policy), ("all rules", None)):
            replay = Replay(draft, {policy.digest: known}.get)
            began, worked = time.perf_counter(), time.process_time()
            *_, last = replay.run(newest_first(evidence, 20_000))
            spent, cpu = time.perf_counter() - began, time.process_time() - worked
            print(
                f"replay, {name} read anew, compiling included: {last.answers / spent:,.0f} answers"
                f" a second, {last.answers / cpu:,.0f} a second of CPU; {last.changed:,} changed"
            )
        asyncio.run(console.close())


if __name__ == "__main__":
    main()
