"""Handoffs: opened, answered, closed; each step once, each on record."""

from __future__ import annotations

import asyncio

import pytest

from remit.evidence import CaseError, Evidence, EvidenceError, State, verify


def test_a_case_is_opened_together_with_its_answer(path, answer, case):
    record = answer(action="hand_over")
    with Evidence.open(path) as evidence:
        entry = asyncio.run(evidence.append(record, case=case()))
        assert entry.seq == 1
        assert evidence.cases() == evidence.cases("open") == (evidence.case("case-1"),)
        assert evidence.case("case-1").question == {"text": "Can I sue him?"}
        assert evidence.get("case-1/open")["case"]["colleague"] == "the duty accountant"
    assert (verify(path).entries, verify(path).cases) == (2, 1)


def test_a_case_goes_from_open_to_answered_to_closed(path, case):
    async def whole_life(evidence):
        await evidence.open_case(case())
        await evidence.answer_case("case-1", "Ask a solicitor; we can name one.", "Ms Finch")
        answered = evidence.case("case-1")
        await evidence.close_case("case-1", "client thanked us", "Ms Finch")
        return answered, evidence.case("case-1")

    with Evidence.open(path) as evidence:
        answered, closed = asyncio.run(whole_life(evidence))
        assert (answered.state, answered.who) == (State.ANSWERED, "Ms Finch")
        assert (closed.state, closed.answer) == (State.CLOSED, "Ask a solicitor; we can name one.")
        assert [stored.action for stored in evidence.entries(kind="case")] == [
            "open",
            "answered",
            "closed",
        ]
        assert evidence.cases(State.OPEN) == ()
    assert verify(path).ok


def test_a_step_that_does_not_fit_is_refused_and_leaves_no_trace(path, answer, case):
    async def wrong_steps(evidence):
        await evidence.open_case(case())
        with pytest.raises(CaseError, match="exists already"):
            await evidence.append(answer(), case=case())
        with pytest.raises(CaseError, match="give every field"):
            await evidence.open_case(case("case-2", due=None))
        with pytest.raises(CaseError, match="there is none"):
            await evidence.answer_case("case-9", "yes", "Ms Finch")
        await evidence.answer_case("case-1", "yes", "Ms Finch")
        with pytest.raises(CaseError, match="already answered by Ms Finch"):
            await evidence.answer_case("case-1", "no", "Mr Hollis")
        await evidence.close_case("case-1", "done", "Mr Hollis")
        with pytest.raises(CaseError, match="already closed by Mr Hollis"):
            await evidence.close_case("case-1", "done", "Ms Finch")

    with Evidence.open(path) as evidence:
        asyncio.run(wrong_steps(evidence))
        with pytest.raises(CaseError, match="there is none"):
            evidence.case("case-9")
        assert evidence.case("case-1").answer == "yes"
    assert (verify(path).ok, verify(path).entries) == (True, 3)


def test_of_two_answers_at_once_from_two_processes_one_wins(path, case):
    async def race(one, two):
        for n in range(10):
            await one.open_case(case(f"case-{n}"))
        answers = [
            desk.answer_case(f"case-{n}", "yes", desk.writer)
            for n in range(10)
            for desk in (one, two)
        ]
        return await asyncio.gather(*answers, return_exceptions=True)

    with Evidence.open(path) as one, Evidence.open(path) as two:
        outcomes = asyncio.run(race(one, two))
        assert sum(isinstance(outcome, CaseError) for outcome in outcomes) == 10
        assert len(one.cases("answered")) == 10
    assert (verify(path).ok, verify(path).entries) == (True, 20)


def test_a_refused_step_does_not_fail_its_neighbours(path, answer, case):
    async def together(evidence):
        jobs = [evidence.append(answer()) for _ in range(5)]
        jobs.append(evidence.close_case("case-9", "gone", "Ms Finch"))
        jobs += [evidence.append(answer(), case=case(f"case-{n}")) for n in range(5)]
        return await asyncio.gather(*jobs, return_exceptions=True)

    with Evidence.open(path) as evidence:
        outcomes = asyncio.run(together(evidence))
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [CaseError]
    assert (verify(path).ok, verify(path).entries, verify(path).cases) == (True, 15, 5)


def test_cases_come_first_due_first_and_know_when_they_are_late(path, case):
    async def open_three(evidence):
        for id_, hour in (("b", 12), ("c", 9), ("a", 15)):
            await evidence.open_case(case(id_, due=f"2026-11-24T{hour:02}:00:00.000Z"))

    with Evidence.open(path) as evidence:
        asyncio.run(open_three(evidence))
        cases = evidence.cases()
        assert [each.id for each in cases] == ["c", "b", "a"]
        noon = "2026-11-24T12:00:00.000Z"
        assert [each.overdue(noon) for each in cases] == [True, False, False]


def test_an_erased_record_is_gone_from_the_disk_and_the_chain_holds(path, answer):
    record = answer(reply="Jane Roe owes 300 euros", filler="x" * 9000)
    with Evidence.open(path) as evidence:
        receipt = evidence.append_sync(record)
        evidence.append_sync(answer())
        anchor = evidence.anchor()
        assert holds(path, b"Jane Roe")
        asyncio.run(evidence.erase(record["id"], who="Privacy officer", why="GDPR article 17"))
        assert evidence.get(record["id"]) is None
        assert [stored.record["why"] for stored in evidence.entries(kind="erasure")] == [
            "GDPR article 17"
        ]
        with pytest.raises(EvidenceError, match="nothing to erase"):
            asyncio.run(evidence.erase(record["id"], who="Privacy officer", why="again"))
        assert not holds(path, b"Jane Roe")
    report = verify(path, anchor=anchor, receipts=[receipt])
    assert (report.ok, report.entries, report.erased) == (True, 3, 1)


def test_an_erased_case_keeps_its_state_and_loses_its_words(path, case):
    async def answer_and_erase(evidence):
        await evidence.open_case(case())
        await evidence.answer_case("case-1", "Call Jane Roe", "Ms Finch")
        await evidence.erase("case-1", who="Privacy officer", why="the client asked")

    with Evidence.open(path) as evidence:
        asyncio.run(answer_and_erase(evidence))
        left = evidence.case("case-1")
        assert (left.state, left.question, left.answer) == (State.ANSWERED, {}, "")
        assert not holds(path, b"Jane Roe")
    report = verify(path)
    assert (report.ok, report.erased) == (True, 2)


def holds(path, text):
    """Whether any file of the database still has the bytes."""
    return any(text in file.read_bytes() for file in path.parent.iterdir())
