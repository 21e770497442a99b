"""The record followed: alarms that are raised once, acted on, and over; epochs; kill -9."""

import asyncio
import multiprocessing
import os
import signal
import time
from datetime import timedelta

import pytest
from traffic import Traffic, answered, finding, keep, policy, told

from remit.evidence import Evidence, stamp
from remit.layers.monitor import follower as room
from remit.layers.monitor.follower import STATE, Follower
from remit.layers.monitor.keeping import written
from remit.layers.monitor.lease import Lease
from remit.layers.monitor.monitor import Monitor
from remit.layers.monitor.standing import standing


@pytest.fixture
def evidence(tmp_path):
    with Evidence.open(tmp_path / "evidence.db") as opened:
        yield opened


def watched(evidence, records, remit, **more):
    """All records in, then the record followed to its end."""

    async def run():
        await keep(evidence, records)
        monitor = Monitor(evidence, [remit], **more)
        await monitor.catch_up()
        return monitor

    return asyncio.run(run())


def broken_at(traffic, before=1_200, after=1_200):
    """A stretch in which all is well, and one in which the guard misses a lot of rule-0."""
    yield traffic.start()
    yield from traffic.conversations(before, missed=0.002)
    yield from traffic.conversations(after, missed=0.06)


def test_a_rule_that_stops_holding_is_alarmed_once_acted_on_and_begins_anew(evidence):
    remit = policy(extra="    when_broken: [{tighten: 0.3}]\n")
    noticed = []

    async def notice(alarm, of):
        noticed.append((alarm.rule, alarm.test, of.digest))

    watched(evidence, broken_at(Traffic(remit)), remit, notices=[notice])
    alarms = told(evidence, "alarm")
    assert [(a["rule"], a["action"]) for a in alarms][:1] == [("rule-0", "changed")]
    assert {a["rule"] for a in alarms} == {"rule-0"}
    first = alarms[0]
    assert first["e_value"] >= first["threshold"] > 0
    assert first["interval"][0] <= first["rate"] <= first["interval"][1]
    assert noticed[0] == ("rule-0", "changed", remit.digest)
    (begun,) = evidence.rows("SELECT rule, kind, who, statistic FROM interventions")
    assert begun[:3] == ("rule-0", "tighten", "remit")
    assert first["id"] in begun[3]
    epochs = told(evidence, "epoch")
    assert [(e["reason"], e["rules"]) for e in epochs] == [
        ("the first answers", ["rule-0", "rule-1", "rule-2"]),
        ("intervention: begin tighten", ["rule-0"]),
    ]


def test_an_alarm_stands_until_the_rate_is_shown_to_be_back(evidence):
    remit = policy()
    traffic = Traffic(remit, per_day=800, share=1.0)
    watched(evidence, broken_at(traffic), remit, acts=False)
    found = standing(evidence, remit)
    assert found.broken == ("rule-0",)
    assert found.rules[0].alarm.test == "changed"
    assert found.cause.startswith("unknown")
    watched(evidence, traffic.conversations(200, missed=0.0), remit, acts=False)
    assert standing(evidence, remit).broken == ("rule-0",)
    watched(evidence, traffic.conversations(1_500, missed=0.0), remit, acts=False)
    assert standing(evidence, remit).broken == ()
    assert told(evidence, "alarm")[-1]["action"] == "cleared"
    assert told(evidence, "epoch")[-1]["reason"] == "recovered"


def test_where_all_is_well_a_rule_comes_to_hold_and_nothing_alarms(evidence):
    remit = policy()
    traffic = Traffic(remit, share=0.5)
    records = [traffic.start(), *traffic.conversations(1_600, missed=0.0005, turns=2)]
    watched(evidence, records, remit)
    found = standing(evidence, remit, stamp(traffic.now))
    assert [rule.standing for rule in found.rules] == ["holding"] * 3
    assert told(evidence, "alarm") == []
    rule = found.rules[0]
    assert (rule.basis, rule.sample.lost, rule.sample.skipped) == ("audit", 0, 0)
    assert rule.reached.n == rule.sample.judged
    assert rule.missed == rule.reached.count
    assert found.conversations + 1 >= 1_600
    assert found.answers == 2 * found.conversations
    assert rule.days[-1].judged > 0
    assert sum(day.judged for day in rule.days) <= rule.reached.n


def test_without_auditors_the_own_detectors_speak_and_it_says_so(evidence):
    remit = policy(audit=False)
    traffic = Traffic(remit)
    watched(evidence, [traffic.start(), *traffic.conversations(2_000, judged=False)], remit)
    rule = standing(evidence, remit).rules[0]
    assert (rule.standing, rule.basis) == ("holding", "own")
    assert "own detectors" in rule.why


def test_an_auditor_that_never_answers_leaves_its_rules_unsure(evidence):
    remit = policy()
    traffic = Traffic(remit)
    watched(evidence, [traffic.start(), *traffic.conversations(2_000, judged=False)], remit)
    rule = standing(evidence, remit).rules[0]
    assert rule.standing == "unsure"
    assert "judged none" in rule.why
    assert rule.sample.lost > 900


def test_every_change_that_was_made_on_purpose_is_an_epoch(evidence):
    first, second = policy(), policy(rules=4)
    traffic = Traffic(first)
    other = Traffic(second, seed=2, now=traffic.now + timedelta(days=3))
    begun = {
        "id": "int_1/begin", "time": stamp(traffic.now + timedelta(days=1)), "kind": "intervention",
        "action": "begin", "rule": "", "intervention": {"id": "int_1", "kind": "pause"},
    }  # fmt: skip
    ended = {
        **begun, "id": "int_1/undo", "action": "undo", "intervention": {"id": "int_1"},
        "time": stamp(traffic.now + timedelta(days=2)),
    }  # fmt: skip
    records = [traffic.start(), *traffic.conversations(10), traffic.start(), traffic.start("gpt")]
    records += [begun, ended, other.start()]
    watched(evidence, records, first)
    reasons = [(e["policy"], e["reason"]) for e in told(evidence, "epoch")]
    assert reasons == [
        (first.digest, "the first answers"),
        (first.digest, "model: house → gpt"),
        (first.digest, "intervention: begin pause"),
        (first.digest, "intervention: undo"),
        (second.digest, "remit: another version"),
    ]


def test_a_conversation_that_saw_two_epochs_is_counted_in_neither(evidence):
    remit = policy()
    traffic = Traffic(remit)
    at = [stamp(traffic.now + timedelta(minutes=minute)) for minute in (0, 5, 10, 50)]
    begun = {
        "id": "int_1/begin", "time": at[1], "kind": "intervention", "action": "begin",
        "rule": "rule-1", "intervention": {"id": "int_1", "kind": "tighten"},
    }  # fmt: skip
    records = [
        traffic.start(),
        answered(remit, "r1", at[0], "h1", "c1"),
        begun,
        answered(remit, "r2", at[2], "h2", "c2", "c1", findings=[finding("rule-1")]),
        answered(remit, "r3", at[3], "h3", "c3"),
    ]
    watched(evidence, records, remit)
    found = {rule.rule: rule for rule in standing(evidence, remit).rules}
    assert found["rule-1"].through == 0
    assert found["rule-0"].found.n == 2
    assert found["rule-1"].found.n == 1


def test_what_people_released_unchanged_was_stopped_wrongly(evidence):
    remit = policy()
    traffic = Traffic(remit)
    labels = ["held", "held", "broken", "unsure"]
    reviews = [
        {
            "id": f"case_{n}/review", "time": stamp(traffic.now), "kind": "review",
            "rule": "rule-1", "label": label, "outcome": "x", "receipt": f"r{n}",
        }
        for n, label in enumerate(labels)
    ]  # fmt: skip
    watched(evidence, [traffic.start(), *reviews], remit)
    rule = standing(evidence, remit).rules[1]
    assert (rule.overblocked.count, rule.overblocked.n) == (2, 3)
    assert rule.days[-1].released == 2


def test_findings_are_told_by_channel_model_and_language(evidence):
    remit = policy()
    traffic = Traffic(remit, share=1.0)
    watched(evidence, [traffic.start(), *traffic.conversations(400, found=0.2)], remit)
    rule = standing(evidence, remit, stamp(traffic.now)).rules[0]
    slices = {(s.by, s.name): s for s in rule.slices}
    assert slices["channel", "output"].through == rule.through > 40
    assert slices["model", "llama"].found == rule.found.count
    assert slices["language", "en"].conversations == rule.found.n


# --- Kept whole, or not at all ------------------------------------------------------------------


def test_following_in_pieces_and_in_one_go_come_to_the_same(tmp_path):
    remit = policy()
    states = []
    for name, pieces in (("once", 1), ("often", 7)):
        with Evidence.open(tmp_path / f"{name}.db", writer="w") as evidence:
            records = list(broken_at(Traffic(remit), 700, 700))
            # Cut before an answer: what comes late was late for both.
            cuts = [n for n, r in enumerate(records) if r["kind"] == "answer"]
            ends = [*cuts[:: len(cuts) // pieces][1:pieces], len(records)]
            for start, end in zip([0, *ends], ends, strict=False):
                watched(evidence, records[start:end], remit, acts=False)
            last = Follower(evidence, [remit])
            last.load()
            states.append((written(last.trackers[remit.digest]), last.cursor["w"]))
    (once, _), (often, _) = states
    for rule, of in once["sequences"].items():
        assert of["counted"] == often["sequences"][rule]["counted"]
        for name in ("wealth", "restarted"):
            left, right = (s["sequences"][rule]["watch"][name] for s in (once, often))
            assert left == pytest.approx(right, rel=0.05)
    assert once["totals"] == often["totals"]
    assert once["reviewed"] == often["reviewed"]


def _follow(path, remit):
    with Evidence.open(path) as evidence:
        monitor = Monitor(evidence, [remit], lease_seconds=0.6)
        asyncio.run(monitor.run())


def test_after_kill_9_another_goes_on_and_no_conversation_is_counted_twice(
    tmp_path, evidence, monkeypatch
):
    remit = policy(extra="    when_broken: [{tighten: 0.3}]\n")
    traffic = Traffic(remit)
    records = list(broken_at(traffic))
    half = len(records) // 2
    asyncio.run(keep(evidence, records[:half]))
    context = multiprocessing.get_context("spawn")
    for _ in range(2):
        process = context.Process(target=_follow, args=(tmp_path / "evidence.db", remit))
        process.start()
        deadline = time.monotonic() + 20
        while evidence.state(STATE) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    watched(evidence, records[half:], remit)
    found = standing(evidence, remit)
    answers = sum(record["kind"] == "answer" for record in records)
    open_ = len(evidence.state(STATE)["trackers"][remit.digest]["conversations"])
    assert found.conversations + open_ == answers
    ids = [alarm["id"] for alarm in told(evidence, "alarm")]
    assert len(ids) == len(set(ids))
    assert ids[0].endswith("rule-0_changed")
    assert evidence.rows("SELECT count(*) FROM interventions") == [(1,)]


def test_a_lease_is_held_by_one_and_taken_over_when_it_ends(evidence):
    async def run():
        first, second = Lease(evidence, 0.4, "first"), Lease(evidence, 0.4, "second")
        assert await first.hold()
        assert not await second.hold()
        assert await first.hold()
        await asyncio.sleep(0.5)
        assert await second.hold()
        assert not await first.hold()
        await second.release()
        await asyncio.sleep(0.01)
        assert await first.hold()

    asyncio.run(run())


def test_of_many_that_see_a_lease_end_one_takes_it(evidence):
    async def run():
        leases = [Lease(evidence, 5, str(n)) for n in range(8)]
        return await asyncio.gather(*(lease.hold() for lease in leases))

    assert sum(asyncio.run(run())) == 1


def test_a_state_that_cannot_be_read_is_counted_anew_from_the_record(evidence):
    remit = policy()
    traffic = Traffic(remit)
    watched(evidence, [traffic.start(), *traffic.conversations(300)], remit)
    before = standing(evidence, remit).rules[0].reached.n
    for nonsense in (7, {}, {"trackers": {remit.digest: {"format": 1}}, "cursor": {}}):
        asyncio.run(evidence.keep_state(STATE, nonsense))
        watched(evidence, [], remit)
        assert standing(evidence, remit).rules[0].reached.n == before
    assert len(told(evidence, "epoch")) == 1


def test_answers_under_a_remit_that_nobody_knows_are_counted_apart(evidence):
    remit, stranger = policy(), policy(rules=5)
    records = list(Traffic(stranger).conversations(3, judged=False))
    monitor = watched(evidence, records, remit)
    assert monitor.follower.unknown == 3
    assert monitor.follower.trackers == {}


def test_a_remit_is_learnt_from_the_record_alone_and_only_if_its_digest_fits(evidence):
    remit = policy()
    traffic = Traffic(remit)
    forged = {**traffic.start(), "id": "forged", "policy": "0" * 64}
    records = [forged, traffic.start(), *traffic.conversations(5)]

    async def run():
        await keep(evidence, records)
        monitor = Monitor(evidence)
        await monitor.catch_up()
        return monitor

    assert list(asyncio.run(run()).follower.trackers) == [remit.digest]


def test_old_remits_make_room(evidence, monkeypatch):
    monkeypatch.setattr(room, "_TRACKERS_MOST", 2)
    remits = [policy(rules=n) for n in (1, 2, 3)]
    starts = [Traffic(r, seed=n).start() for n, r in enumerate(remits)]
    monitor = watched(evidence, starts, remits[0])
    assert list(monitor.follower.trackers) == [remits[1].digest, remits[2].digest]


def test_an_overview_of_what_has_not_been_served_is_unsure(evidence):
    found = standing(evidence, policy())
    assert [rule.standing for rule in found.rules] == ["unsure"] * 3
    assert (found.conversations, found.canary, found.cause) == (0, None, "")
