"""What a model writes anew is believed only where the rules then find nothing."""

from __future__ import annotations

import asyncio

import pytest

from remit.enforce import compile_policy
from remit.layers.data import rewrite
from remit.layers.data.apply import Applied
from remit.layers.data.rewrite import rewritten
from remit.layers.data.rows import Row, Way
from remit.layers.data.rules import RuleStep
from remit.layers.data.texts import texts
from remit.policy import loads
from remit.types import Json

REMIT = """\
remit: 1
organisation: H
responsible: {owner: P}
rules:
  - {id: law, says: Gives no legal advice., because: b, owner: o, detect: [{phrases: [void]}],
     then: {data: rewrite}}
  - {id: mail, says: s, because: b, owner: o, detect: [{identifier: [email]}], then: {data: redact}}
  - {id: out, says: s, because: b, owner: o, detect: [{phrases: [secret]}], then: {data: drop}}
"""
STEP = RuleStep(compile_policy(loads(REMIT)))


class Says:
    """A model of one answer, which keeps what it was asked."""

    name = "writer"

    def __init__(self, answer: str, wait: float = 0.0) -> None:
        self.asked: list[str] = []
        self._answer = answer
        self._wait = wait

    async def answer(self, prompt: str) -> str:
        self.asked.append(prompt)
        await asyncio.sleep(self._wait)
        if not self._answer:
            raise ConnectionError("no model today")
        return self._answer


def run(value: Json, model: Says) -> Applied:
    row = Row("a.jsonl", 0, b"", value, texts(value, {}))
    (marks,) = STEP.judge([row])
    return asyncio.run(rewritten(row, marks, STEP, model, STEP.enforcer.policy))


CHAT = {
    "messages": [
        {"role": "user", "content": "Is it?"},
        {"role": "assistant", "content": "It is void."},
    ],
    "n": 1,
}


def test_the_text_is_replaced_where_it_stood() -> None:
    model = Says(" Ask a lawyer. ")
    applied = run(CHAT, model)
    (value,) = applied.rows
    assert isinstance(value, dict)
    assert (applied.way, value["n"]) == (Way.REWRITE, 1)
    assert [m["content"] for m in value["messages"]] == ["Is it?", "Ask a lawyer."]
    assert "Gives no legal advice." in model.asked[0]
    assert "It is void." in model.asked[0]


@pytest.mark.parametrize("answer", ["It is v0id.", "the secret", " ", "x" * 2_000])
def test_what_breaks_a_rule_still_or_is_no_answer_drops_the_row(answer: str) -> None:
    applied = run(CHAT, Says(answer))
    assert (applied.way, applied.rows) == (Way.DROP, ())
    assert applied.notes


def test_a_milder_rule_is_carried_out_on_what_was_written() -> None:
    (value,) = run({"text": "It is void."}, Says("Write to anna@example.com")).rows
    assert value == {"text": "Write to [email]"}


def test_a_row_that_is_dropped_anyway_asks_no_model() -> None:
    model = Says("fine")
    assert run({"text": "void secret"}, model).rows == ()
    assert model.asked == []


def test_a_row_is_set_aside_where_no_model_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrite, "TIMEOUT", 0.01)
    slow = run({"text": "void"}, Says("fine", wait=5))
    dead = run({"text": "void"}, Says(""))
    assert (slow.rows, dead.rows) == ((), ())
    assert "gave no answer in time" in slow.aside
    assert "gave no answer (ConnectionError)" in dead.aside


def test_other_rows_are_left_to_apply() -> None:
    model = Says("fine")
    assert run({"text": "Write to anna@example.com"}, model).rows == ({"text": "Write to [email]"},)
    assert model.asked == []
