"""A draft beside a gateway of two workers: in the shadow without effect, then live for all."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

from launch import Launched, launched

from remit.console.drafting.drafts import Drafting, GoingLive, Kept, Moving, Signature, Signing
from remit.console.drafting.edit import add_item
from remit.console.shadow import shadowed
from remit.evidence import Evidence, stamp
from remit.policy import loads

TEXT = """\
remit: 1
organisation: Hollis & Finch
responsible: {owner: Managing partner}
rules:
  - id: no-sport
    says: Does not speak of football.
    because: It is not what clients come for.
    owner: Managing partner
    detect: [{phrases: [football]}]
    then: {input: block}
    answer: Not here, please.
"""
OLD = loads(TEXT).policy.digest
LONG_AGO = "2000-01-01T00:00:00.000Z"


def ask(gateway: Launched, said: str) -> tuple[str, str]:
    """The remit that answered, and what was done."""
    body = {"model": "m", "messages": [{"role": "user", "content": said}]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{gateway.port}/v1/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "connection": "close"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers["x-remit-policy"], answer.headers["x-remit-action"]


def do(evidence: Evidence, change: Any) -> None:
    evidence.change_sync(change.record(), change)


def test_a_draft_reads_along_without_effect_and_then_is_in_force_everywhere(tmp_path: Path) -> None:
    url = str(tmp_path / "evidence.db")
    file = tmp_path / "remit.yaml"
    file.write_text(TEXT)
    text = add_item(TEXT, ("rules", 0, "detect", 0, "phrases"), "vat return")
    digest, now = loads(text).policy.digest, stamp()
    options = {"upstream": "house", "workers": 2, "evidence": url, "console": True}
    with launched(file, monitor=True, **options) as gateway, Evidence.open(url) as evidence:
        draft = Kept(digest, text, "draft", "mia", "", now, now, OLD, "why")
        do(evidence, Drafting(draft))
        do(evidence, Moving(digest, "shadow", "mia", now))
        told = _until_both_read(gateway, evidence, digest)
        told += [ask(gateway, "When is my VAT return due?") for _ in range(12)]
        assert {policy for policy, _ in told} == {OLD}
        assert "block" not in {action for _, action in told}
        seen = _seen(evidence, digest, 12 + 2)
        assert seen["changed"] == seen["answers"]
        assert seen["dropped"] == 0
        assert {move[1] for move in seen["moves"]} == {"block"}
        do(evidence, Signing(digest, Signature("Managing partner", "olga", now), ("no-sport",)))
        live = replace(draft, digest=OLD, text=TEXT, state="live")
        meaning = loads(text).policy.model_dump(mode="json")
        owners = ("Managing partner",)
        do(evidence, GoingLive(digest, live, owners, "olga", stamp(), meaning, LONG_AGO))
        deadline = time.monotonic() + 5.0
        while ask(gateway, "Hello")[0] != digest and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1.0)  # the other worker too
        told = [ask(gateway, "When is my VAT return due?") for _ in range(12)]
        assert set(told) == {(digest, "block")}


def _until_both_read(gateway: Launched, evidence: Evidence, digest: str) -> list[tuple[str, str]]:
    """Asks until each of the two workers has noted what it has read in the shadow."""
    told = []
    deadline = time.monotonic() + 60
    sql = "SELECT count(*) FROM state WHERE key LIKE ?"
    while evidence.rows(sql, (f"shadow/{digest}/%",))[0][0] < 2:
        assert time.monotonic() < deadline
        told.append(ask(gateway, "When is my VAT return due?"))
        time.sleep(0.1)
    return told


def _seen(evidence: Evidence, digest: str, answers: int) -> dict[str, Any]:
    """What the workers' shadows have kept together, once they have read so much."""
    for _ in range(200):
        found = shadowed(evidence, digest)
        if found is not None and found["answers"] + found["dropped"] >= answers:
            return found
        time.sleep(0.1)
    raise AssertionError(f"the shadow did not read along: {found}")
