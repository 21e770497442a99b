"""Answers drawn and audited: known probabilities, a bounded queue, nothing lost unseen."""

import asyncio
from random import Random

import pytest

from remit.detectors.registry import registry
from remit.enforce import compile_policy
from remit.evidence import Evidence
from remit.layers.guard import Guard
from remit.layers.guard.receipt import Log
from remit.layers.monitor import sampling
from remit.layers.monitor.auditing import Auditor, hash_of
from remit.layers.monitor.languages import language_of
from remit.layers.monitor.measuring import Measurer
from remit.layers.monitor.sampling import Sampler
from remit.policy import loads
from remit.types import Message, Stage

REMIT = """
remit: 1
organisation: Hollis
assistant: {name: Ada, role: answers, languages: [en]}
responsible: {owner: Ann}
monitor: {sample: 100%%}
rules:
  - id: no-legal-advice
    says: Does not give legal advice.
    because: Only a lawyer may.
    owner: Ann
    detect: [{phrases: [you should sue]}]
    audit: [{%s}]
    then: {output: flag}
"""
OWN = "phrases: [take them to court]"
ASKED = (Message("user", "Mijn huisbaas houdt de borg; wat kan ik daar aan doen voor het einde?"),)


def made(audit=OWN, share="100%", models=None):
    loaded = loads((REMIT % audit).replace("100%", share))
    kinds = registry()
    enforcer = compile_policy(loaded, kinds, {"default": Silent()})
    return enforcer, Auditor.of(loaded, kinds, models or {}), Measurer(loaded.policy)


class Silent:
    """A judge that never says anything of use."""

    name = "silent"

    async def answer(self, prompt):
        return "I would rather not say."


def answer(enforcer, text, turns=ASKED):
    """A gateway's log of an answer that is about to be recorded."""
    log = Log(enforcer, "m", "u", conversation="c")
    delivered = Guard(enforcer).output([*turns, Message("assistant", text)])
    log.note(len(turns), delivered.verdict)
    log.delivered = [delivered.text]
    return log


def audited(path, parts, answers, turns=ASKED, **more):
    """What the record holds after so many answers were seen, and the sampler."""
    enforcer, auditor, measurer = parts

    async def run():
        with Evidence.open(path / "e.db") as evidence:
            sampler = Sampler(evidence, auditor, measurer, rng=Random(1), **more)
            task = asyncio.create_task(sampler.run())
            logs = []
            for text in answers:
                log = answer(enforcer, text, turns)
                sampler.seen(log, turns)
                logs.append(log)
                await asyncio.sleep(0)
            await asyncio.wait_for(sampler.drained(), 20)
            task.cancel()
            found = [stored.record for stored in evidence.entries(kind="judgement")]
            return found, logs, sampler

    return asyncio.run(run())


def test_what_the_guard_missed_is_found_by_the_auditor_and_no_text_is_kept(tmp_path):
    said = "Take them to court, and they will pay."
    (found,), (log,), _ = audited(tmp_path, made(), [said])
    assert found["receipt"] == log.id
    assert found["judged"]["no-legal-advice"] == {
        "outcome": "broken", "score": 1.0, "turns": [hash_of(said)],
    }  # fmt: skip
    assert found["rules"] == {"no-legal-advice": {"action": "broken", "score": 1.0}}
    assert (found["action"], found["sampled"], found["language"]) == ("broken", 1.0, "nl")
    assert log.record(ASKED)["sampled"] == 1.0
    assert said.encode() not in (tmp_path / "e.db").read_bytes()


def test_a_clean_answer_is_held_and_measured(tmp_path):
    (found,), _, _ = audited(tmp_path, made(), ["Ask a lawyer about that."])
    assert found["judged"]["no-legal-advice"]["outcome"] == "held"
    assert found["rules"] == {}
    assert found["measures"]["answered"] == len("Ask a lawyer about that.")
    assert found["measures"]["asked"] == len(ASKED[0].text)
    assert (found["measures"]["turns"], found["measures"]["foreign"]) == (1.0, 1.0)
    assert 0 <= found["measures"]["seconds"] < 60


def test_earlier_replies_of_the_conversation_are_audited_too(tmp_path):
    early = "Take them to court."
    turns = (*ASKED, Message("assistant", early), Message("user", "And then?"))
    (found,), _, _ = audited(tmp_path, made(), ["Then you wait."], turns)
    assert found["judged"]["no-legal-advice"]["turns"] == [hash_of(early)]


def test_so_many_are_drawn_as_the_remit_says_and_more_of_those_with_a_finding(tmp_path):
    enforcer, auditor, measurer = made(share="10%")

    async def run():
        with Evidence.open(tmp_path / "e.db") as evidence:
            sampler = Sampler(evidence, auditor, measurer, rng=Random(2))
            shares = []
            for text in ("Ask a lawyer.", "You should sue."):
                log = answer(enforcer, text)
                drawn = 0
                for _ in range(4_000):
                    log.sampled = None
                    sampler.seen(log, ASKED)
                    drawn += log.sampled is not None
                    if log.sampled:
                        assert log.sampled == pytest.approx(0.1 if text[0] == "A" else 0.5)
                    sampler._queue.clear()
                    sampler._characters = 0
                shares.append(drawn / 4_000)
            return shares

    ordinary, risky = asyncio.run(run())
    assert 0.08 < ordinary < 0.12
    assert 0.46 < risky < 0.54


def test_risky_is_what_the_record_will_tell_of(tmp_path):
    enforcer, auditor, measurer = made()

    async def run():
        with Evidence.open(tmp_path / "e.db") as evidence:
            sampler = Sampler(evidence, auditor, measurer)
            for text in ("Ask a lawyer.", "You should sue."):
                log = answer(enforcer, text)
                assert sampler._risky(log) == bool(log.record(ASKED)["findings"])

    asyncio.run(run())


def test_a_share_that_is_in_force_raises_the_remits(tmp_path):
    found, _, _ = audited(tmp_path, made(share="0.1%"), ["Ask."] * 8, least=lambda: 1.0)
    assert len(found) == 8


def test_a_full_queue_draws_fewer_and_says_what_it_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(sampling, "QUEUE_MOST", 16)
    enforcer, auditor, measurer = made()

    async def run():
        with Evidence.open(tmp_path / "e.db") as evidence:
            sampler = Sampler(evidence, auditor, measurer, rng=Random(3))
            log, given = answer(enforcer, "Ask a lawyer."), []
            for _ in range(300):
                log.sampled = None
                sampler.seen(log, ASKED)
                given.append(log.sampled)
            return given, sampler

    given, sampler = asyncio.run(run())
    assert (sampler.drawn, len(sampler._queue)) == (16, 16)
    assert given[:8] == [1.0] * 8
    assert sampler.skipped == given.count(0.0) > 0
    falling = [p for p in given if p]
    assert falling == sorted(falling, reverse=True)
    assert min(falling) < 0.3


def test_an_answer_that_could_not_be_given_is_not_drawn(tmp_path):
    enforcer, auditor, measurer = made()

    async def run():
        with Evidence.open(tmp_path / "e.db") as evidence:
            sampler = Sampler(evidence, auditor, measurer)
            log = answer(enforcer, "Ask a lawyer.")
            log.error = "timeout: no answer"
            sampler.seen(log, ASKED)
            return log.sampled, sampler.drawn

    assert asyncio.run(run()) == (None, 0)


def test_a_judge_that_makes_no_sense_leaves_the_rule_unsure(tmp_path):
    parts = made("judge: default", models={"default": Silent()})
    (found,), _, _ = audited(tmp_path, parts, ["Take them to court."])
    assert found["judged"]["no-legal-advice"]["outcome"] == "unsure"


def test_an_auditor_that_is_a_judge_is_not_asked_where_there_is_none(tmp_path):
    (found,), _, _ = audited(tmp_path, made("judge: default"), ["Take them to court."])
    assert found["judged"] == {}


def test_an_auditor_that_raises_costs_one_judgement_and_not_the_others(tmp_path):
    enforcer, auditor, measurer = made()

    class Once(Auditor):
        calls = 0

        async def audit(self, turns):
            Once.calls += 1
            if Once.calls == 1:
                raise RuntimeError("the auditor fell over")
            return await super().audit(turns)

    parts = enforcer, Once(auditor._enforcer), measurer
    found, _, sampler = audited(tmp_path, parts, ["Ask."] * 3)
    assert (len(found), sampler.judged, sampler.lost) == (2, 2, 1)


def test_auditors_see_replies_and_never_decide_on_them():
    _, auditor, _ = made()
    assert auditor.rules == ("no-legal-advice",)
    (action,) = {r.action(Stage.OUTPUT).word for r in auditor._enforcer.policy.rules}
    assert action == "flag"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the date by which I can send it to you?", "en"),
        ("Wat is de datum en kan ik het ook zijn voor mijn broer?", "nl"),
        ("Wie kann ich das für mein Geschäft und nicht mit der Post?", "de"),
        ("Comment je peux dans mon cas avec les papiers que vous avez?", "fr"),
        ("¿Cómo se puede en mi caso con los papeles que usted no tiene?", "es"),
        ("xyzzy", ""),
        ("", ""),
    ],
)
def test_a_language_is_told_by_its_commonest_words(text, language):
    assert language_of(text) == language
