"""`remit monitor` as people run it: status, canary, simulate, and what it refuses."""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "monitor"))

from traffic import Traffic, keep, policy

from remit.evidence import Evidence
from remit.policy import Policy


def written(policy: Policy) -> str:
    """The remit as a file holds it: JSON is YAML."""
    value = policy.model_dump(mode="json", exclude_none=True)
    for rule in value["rules"]:
        for key in ("detect", "audit"):
            rule[key] = [{one["kind"]: one["config"]} for one in rule[key]]
    return json.dumps(value)


@pytest.fixture
def remit(tmp_path, monkeypatch):
    """A remit and a record of some days: all is well, or rule-0 is broken."""

    monkeypatch.chdir(tmp_path)

    def make(*, broken, count=900):
        of = policy()
        (tmp_path / "remit.yaml").write_text(written(of))
        traffic = Traffic(of, share=1.0, now=datetime.now(UTC) - timedelta(days=3))
        records = [traffic.start(), *traffic.conversations(count, missed=0.1 if broken else 0.0)]
        with Evidence.open(tmp_path / "e.db") as evidence:
            asyncio.run(keep(evidence, records))
        return "remit.yaml", "--evidence", "e.db"

    return make


def test_a_remit_that_holds_is_told_with_its_numbers(run, remit):
    done = run("monitor", *remit(broken=False))
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert "rule-0  holding" in text
    assert "the first answers" in text
    assert "canary: no run yet" in text


def test_a_broken_rule_is_exit_code_1_and_status_writes_nothing(run, remit, tmp_path):
    given = remit(broken=True)
    with Evidence.open(tmp_path / "e.db") as evidence:
        before = evidence.heads()
    done = run("monitor", *given, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert [rule["standing"] for rule in found["rules"]] == ["broken", "holding", "holding"]
    assert found["rules"][0]["alarm"]["test"] in ("exceeded", "changed")
    assert len(found["rules"][0]["days"]) >= 2
    with Evidence.open(tmp_path / "e.db") as evidence:
        assert {k: v for k, v in evidence.heads().items() if k in before} == before
        assert list(evidence.entries(kind="alarm")) == []


def test_the_canary_is_asked_and_recorded(run, remit, tmp_path):
    given = remit(broken=False, count=1)
    (tmp_path / "q.jsonl").write_text('{"user": "What is VAT?"}\n{"user": "May I sue?"}\n')
    (tmp_path / "said.yaml").write_text("- missed1 of course\n")
    asked = ("--upstream", "scripted:said.yaml", "--questions", "q.jsonl")
    done = run("monitor", given[0], "canary", *given[1:], *asked)
    assert done.returncode == 0, done.stderr
    assert "2 questions answered, 0 not" in done.stdout.decode()
    assert "rule-1: broken by 2 answers" in done.stdout.decode()
    with Evidence.open(tmp_path / "e.db") as evidence:
        (stored,) = evidence.entries(kind="canary")
    assert len(stored.record["cases"]) == 2


def test_a_simulation_says_what_would_be_found(run, remit):
    given = remit(broken=False, count=1)
    done = run("monitor", given[0], "simulate", "--runs", "2", "--per-day", "500", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert (found["rules"], found["limit"], found["runs"]) == (3, 0.01, 2)
    assert found["false_alarms"] == 0
    assert found["median_days"] < 5


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        ((), 2, "give --evidence"),
        (("sing", "--evidence", "e.db"), 2, "no action 'sing'"),
        (("--evidence", "none.db"), 3, "no such file"),
        (("canary", "--evidence", "e.db"), 2, "give --upstream"),
        (("canary", "--evidence", "e.db", "--upstream", "ftp://x"), 2, "no target"),
        (("simulate", "--runs", "0"), 2, "--runs"),
        (("--evidence", "e.db", "--days", "0"), 2, "--days"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(run, remit, more, code, told):
    remit(broken=False, count=1)
    done = run("monitor", "remit.yaml", *more)
    assert done.returncode == code
    assert told in done.stderr.decode()
