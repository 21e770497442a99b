"""What a scraper and a dashboard get: one truth, whichever worker is asked."""

from __future__ import annotations

import json
import re
from pathlib import Path

from remit.evidence import Case, Evidence
from remit.gateway.metrics import Metrics
from remit.layers.monitor.exposition import METRICS, exposition, written
from remit.policy import load

ROOT = Path(__file__).parents[3]
ACCOUNTING = load(ROOT / "examples/accounting/remit.yaml").policy
LINE = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)*\})? -?[0-9.e+-]+')
NOW = "2026-11-24T12:00:00.000Z"


def case(number: int, due: str) -> Case:
    return Case(f"case_{number}", "2026-11-23T00:00:00.000Z", due, "r", "Owner", "Colleague")


def test_every_rule_is_told_before_anything_was_answered(tmp_path: Path):
    with Evidence.open(tmp_path / "e.db") as evidence:
        text = exposition(evidence, [ACCOUNTING], NOW).decode()
    told = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(LINE.fullmatch(line) for line in told)
    for rule in ACCOUNTING.rules:
        unsure = f'remit_rule_standing{{rule="{rule.id}",policy="{ACCOUNTING.digest[:16]}",'
        assert f'{unsure}standing="unsure"}} 1' in told
    assert len(told) == len(set(told))
    assert {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")} <= set(
        METRICS
    )


def test_cases_are_counted_by_kind_and_those_that_are_late_too(tmp_path: Path):
    async def fill(evidence: Evidence) -> None:
        for number, due in enumerate(("2026-11-23T12:00:00.000Z", "2026-11-25T12:00:00.000Z")):
            await evidence.open_case(case(number, due))

    import asyncio

    with Evidence.open(tmp_path / "e.db") as evidence:
        asyncio.run(fill(evidence))
        text = exposition(evidence, [], NOW).decode()
    assert 'remit_cases_open{kind="handoff"} 2' in text
    assert 'remit_cases_overdue{kind="handoff"} 1' in text


def test_a_label_is_escaped():
    sample = ("remit_drift_moved", {"quantity": 'a"\n\\b', "side": "input"}, 1.0)
    assert b'quantity="a\\"\\n\\\\b"' in written([sample])


def test_the_dashboard_asks_for_nothing_that_is_not_there():
    board = json.loads((ROOT / "docs/grafana/remit.json").read_text())
    own = set(re.findall(r"# TYPE (\w+)", Metrics().text().decode()))
    known = set(METRICS) | own | {f"{name}_bucket" for name in own}
    asked = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            asked |= set(re.findall(r"\bremit_\w+", target["expr"]))
            # A worker's gauge is every worker's: to add them up would count each rule twice.
            assert not re.search(r"sum( by \([^)]*\))? \(remit_rule", target["expr"])
    assert asked <= known
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
