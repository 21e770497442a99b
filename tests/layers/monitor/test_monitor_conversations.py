"""Answers become conversations: counted once each, when they have ended, however they come in."""

import json

import pytest
from traffic import Traffic, answered, finding, judgement, policy

from remit.layers.monitor import conversations as room
from remit.layers.monitor.answers import read_answer
from remit.layers.monitor.conversations import Conversations

POLICY = policy()


def time(minute):
    return f"2026-09-01T{9 + minute // 60:02d}:{minute % 60:02d}:00.000Z"


def answer(number, minute, conversation="", follows="", **more):
    record = answered(
        POLICY, f"r{number}", time(minute), f"h{number}", conversation, follows, **more
    )
    return read_answer(record)


def test_three_turns_are_one_conversation_with_the_worst_of_each():
    open_ = Conversations()
    for number, found in enumerate([[], [finding("rule-0")], [finding("rule-0", action="block")]]):
        given = answer(
            number, number, f"c{number}", f"c{number - 1}" if number else "", findings=found
        )
        assert list(open_.add(given)) == []
    (unit,) = open_.idle(time(40))
    assert (unit.answers, unit.found, unit.risky) == (3, {("rule-0", "output"): "through"}, True)
    assert unit.hashes == ["h0", "h1", "h2"]
    assert unit.reached("rule-0")
    assert not unit.reached("rule-1")


def test_an_answer_without_a_name_is_a_conversation_by_itself():
    open_ = Conversations()
    for number in range(3):
        list(open_.add(answer(number, number)))
    assert len(open_) == 3


def test_two_that_begin_alike_are_two():
    open_ = Conversations()
    assert list(open_.add(answer(1, 1, "same"))) == []
    (first,) = open_.add(answer(2, 2, "same"))
    assert first.receipt == "r1"
    assert len(open_) == 1


def test_only_what_has_been_idle_ends():
    open_ = Conversations()
    list(open_.add(answer(1, 0, "a")))
    list(open_.add(answer(2, 20, "b")))
    list(open_.add(answer(3, 40, "a2", "a")))
    assert [unit.receipt for unit in open_.idle(time(30))] == ["r2"]
    assert [unit.receipt for unit in open_.idle(time(90))] == ["r3"]
    assert list(open_.idle(time(99))) == []


def test_a_conversation_is_judged_where_its_last_answer_was_drawn_and_only_there():
    open_ = Conversations()
    first = answered(POLICY, "r1", time(0), "h1", "a", sampled=0.5)
    list(open_.add(read_answer(first)))
    open_.judged(judgement(POLICY, first, {}))
    list(open_.add(answer(2, 5, "b", "a")))
    open_.judged(judgement(POLICY, first, {}))
    (unit,) = open_.idle(time(60))
    assert (unit.sampled, unit.judgement) == (None, None)

    last = answered(POLICY, "r3", time(61), "h3", "c", sampled=0.5)
    list(open_.add(read_answer(last)))
    open_.judged(judgement(POLICY, last, {"rule-0": ["h3"]}))
    (unit,) = open_.idle(time(99))
    assert unit.judgement["judged"]["rule-0"]["outcome"] == "broken"


def test_the_memory_is_bounded_and_nothing_is_lost(monkeypatch):
    monkeypatch.setattr(room, "OPEN_MOST", 10)
    open_ = Conversations()
    ended = [u for n in range(100) for u in open_.add(answer(n, n % 60, f"c{n}"))]
    assert len(open_) == 10
    assert len(ended) == 90


def test_open_conversations_survive_being_written_down():
    open_ = Conversations()
    for record in Traffic(POLICY).conversations(20, missed=0.5, found=0.5, turns=3):
        given = read_answer(record)
        if given is not None:
            list(open_.add(given))
        else:
            open_.judged(record)
    again = Conversations.restored(json.loads(json.dumps(open_.as_dict())))
    late = time(59).replace("2026-09-01", "2027-01-01")
    assert [u.as_list() for u in again.idle(late)] == [u.as_list() for u in open_.idle(late)]


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "answer"},
        {"kind": "answer", "id": 7},
        {"kind": "case", "id": "x"},
        {},
    ],
)
def test_what_is_no_answer_is_none(record):
    assert read_answer(record) is None


@pytest.mark.parametrize("nonsense", [None, 7, "x", [1, None, {"rule": 5}], {"a": 1}, [[]]])
def test_a_record_of_nonsense_is_read_as_nothing_found_or_nothing_at_all(nonsense):
    record = {
        "kind": "answer", "id": "r", "time": "2026-09-01T09:00:00.000Z", "findings": nonsense,
        "delivered": nonsense, "sampled": nonsense, "conversation": nonsense, "follows": nonsense,
        "model": nonsense, "policy": nonsense,
    }  # fmt: skip
    given = read_answer(record)
    assert given is not None
    assert all(rule == "" for rule, _ in given.found)
    assert given.sampled is None
