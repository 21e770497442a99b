"""People's verdicts: kept whatever happens, given out fairly, measured, and turned into rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.layers.training.preferences import (
    Choice,
    Claims,
    Pair,
    PairsError,
    Store,
    StoreError,
    Verdict,
    VerdictError,
    agreement,
    exported,
    read_pairs,
    shown_order,
)
from remit.layers.training.preferences.assigning import upcoming, wanted
from remit.layers.training.preferences.exporting import in_gate
from remit.layers.training.preferences.verdicts import as_shown, read_verdict

RULES = ("no-legal-advice", "no-guarantees")


def pair(number: int, **more: Any) -> Pair:
    return Pair(f"p{number}", f"Question {number}?", f"Reply A{number}", f"Reply B{number}", **more)


def verdict(of: Pair, who: str = "ann", overall: str = "a", **rules: str) -> Verdict:
    return Verdict(
        of.id,
        who,
        "2026-11-24T10:00:00.000Z",
        "f" * 64,
        "ab",
        {rule.replace("_", "-"): Choice(choice) for rule, choice in rules.items()},
        Choice(overall),
    )


# --- pairs ---------------------------------------------------------------------------------------


def test_pairs_are_read_with_ids_of_their_content(tmp_path: Path):
    path = tmp_path / "pairs.jsonl"
    turns = [{"role": "user", "content": "Hello?"}]
    lines = [
        {"prompt": "x?", "a": "1", "b": "2"},
        {"id": "own", "prompt": turns, "a": "1", "b": "2"},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    first, second = read_pairs(path)
    assert (len(first.id), second.id, second.turns) == (16, "own", tuple(turns))
    assert read_pairs(path)[0].id == first.id


BAD = [
    ('{"prompt": "x", "a": "1"}', "needs the replies"),
    ('{"prompt": "x", "a": "1", "b": "1"}', "the same reply"),
    ('{"a": "1", "b": "2"}', "needs a 'prompt'"),
    ('{"prompt": [{"role": "user"}], "a": "1", "b": "2"}', "a message needs"),
    ('{"prompt": "x", "a": "1", "b": "2", "gold": {"overall": "x"}}', "'gold' must give"),
    ('{"prompt": "x", "a": "1", "b": "2", "rules": "all"}', "'rules' must be"),
    ("[]", "not a JSON object"),
    ("{", "unexpected end"),
    ("", "no pairs"),
]


@pytest.mark.parametrize(("line", "why"), BAD)
def test_a_pair_that_cannot_be_shown_is_refused_with_its_line(line: str, why: str, tmp_path: Path):
    path = tmp_path / "pairs.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(PairsError, match=why):
        read_pairs(path)


def test_an_id_stands_once(tmp_path: Path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"prompt": "x", "a": "1", "b": "2"}\n' * 2)
    with pytest.raises(PairsError, match=r":2: the id .* stands twice"):
        read_pairs(path)


# --- verdicts ------------------------------------------------------------------------------------


def test_a_verdict_means_the_pairs_own_replies_whichever_was_shown_first():
    said = {"no-legal-advice": "a", "no-guarantees": "both", "overall": "b"}
    straight = as_shown(pair(1), "ann", "p", "ab", said, asked=RULES)
    turned = as_shown(pair(1), "ann", "p", "ba", said, asked=RULES)
    assert (straight.rules["no-legal-advice"], straight.overall) == (Choice.A, Choice.B)
    assert (turned.rules["no-legal-advice"], turned.overall) == (Choice.B, Choice.A)
    assert turned.rules["no-guarantees"] is Choice.BOTH
    assert read_verdict(json.loads(json.dumps(turned.to_json()))) == turned


def test_every_question_is_answered_unless_the_pair_is_reported():
    with pytest.raises(VerdictError, match="no-guarantees, overall"):
        as_shown(pair(1), "ann", "p", "ab", {"no-legal-advice": "a"}, asked=RULES)
    reported = as_shown(pair(1), "ann", "p", "ab", {}, asked=RULES, report="It is in Welsh.")
    assert (reported.overall, reported.report) == (None, "It is in Welsh.")
    for said in ({"overall": "neither"}, {"overall": "c"}):
        with pytest.raises(VerdictError, match="overall"):
            as_shown(pair(1), "ann", "p", "ab", said, asked=())


# --- the store -----------------------------------------------------------------------------------


def test_what_was_added_is_there_for_every_process(tmp_path: Path):
    first, second = Store(tmp_path), Store(tmp_path)
    first.add(verdict(pair(1)))
    second.add(verdict(pair(2), "bob"))
    first.add(verdict(pair(3)))
    assert [v.pair for v in first.verdicts()] == ["p1", "p2", "p3"]
    assert first.verdicts() == second.verdicts() == Store(tmp_path).verdicts()


def test_a_torn_line_is_set_aside_and_nothing_after_it_is_lost(tmp_path: Path):
    store = Store(tmp_path)
    store.add(verdict(pair(1)))
    with store.path.open("ab") as file:
        file.write(b'{"pair_id": "p2", "torn')
    assert [v.pair for v in Store(tmp_path).verdicts()] == ["p1"]
    Store(tmp_path).add(verdict(pair(3)))
    assert [v.pair for v in store.verdicts()] == ["p1", "p3"]
    assert (tmp_path / "torn.bin").read_bytes() == b'{"pair_id": "p2", "torn\n'


def test_a_line_of_something_else_is_named(tmp_path: Path):
    store = Store(tmp_path)
    store.add(verdict(pair(1)))
    with store.path.open("ab") as file:
        file.write(b'{"other": 1}\n')
    with pytest.raises(StoreError, match="jsonl:2: no verdict"):
        store.verdicts()


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_preferences import pair, verdict
from remit.layers.training.preferences import Store
store = Store(Path({folder!r}))
for number in range(100_000):
    store.add(verdict(pair(number), sys.argv[1]))
    print(number, flush=True)
"""


def test_two_writers_killed_in_the_middle_lose_no_confirmed_verdict(tmp_path: Path):
    code = WRITER.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    writers = [
        subprocess.Popen([sys.executable, "-c", code, who], stdout=subprocess.PIPE, text=True)
        for who in ("ann", "bob")
    ]
    confirmed = {}
    for writer, who in zip(writers, ("ann", "bob"), strict=True):
        assert writer.stdout is not None
        for line in writer.stdout:
            confirmed[who] = int(line)
            if confirmed[who] >= 20:
                break
        os.kill(writer.pid, signal.SIGKILL)
        rest, _ = writer.communicate()
        confirmed[who] = max([confirmed[who], *map(int, rest.split())])
    kept = Counter(v.reviewer for v in Store(tmp_path).verdicts())
    for who, number in confirmed.items():
        assert kept[who] >= number + 1


# --- who sees what -------------------------------------------------------------------------------


def test_the_order_is_fair_stable_and_not_the_same_for_all():
    orders = [shown_order(f"p{n}", who) for n in range(500) for who in ("ann", "bob")]
    assert 430 < orders.count("ab") < 570
    assert orders == [shown_order(f"p{n}", who) for n in range(500) for who in ("ann", "bob")]
    assert any(orders[n] != orders[n + 1] for n in range(0, 1000, 2))


def test_reviewers_share_the_work_and_a_fifth_or_more_is_done_twice():
    pairs = [pair(n) for n in range(200)] + [
        pair(n, gold={"overall": "a"}) for n in range(200, 220)
    ]
    said: list[Verdict] = []
    seen: dict[str, list[Pair]] = {"ann": [], "bob": [], "eve": []}
    waiting = dict.fromkeys(seen, True)
    while any(waiting.values()):
        for who, pages in seen.items():
            found, progress = upcoming(pairs, said, who)
            waiting[who] = found is not None
            if found is not None:
                assert progress.done == len(pages)
                pages.append(found)
                said.append(verdict(found, who))
    counts = Counter(v.pair for v in said)
    ordinary = [counts[p.id] for p in pairs if not p.is_gold]
    assert min(ordinary) == 1
    assert max(ordinary) == 2
    assert ordinary.count(2) >= 40
    assert all(counts[p.id] == 3 for p in pairs if p.is_gold)
    assert [counts[p.id] for p in pairs[:200]] == [wanted(p) for p in pairs[:200]]
    for pages in seen.values():
        assert len({p.id for p in pages}) == len(pages)
        early = [p.is_gold for p in pages[:50]]
        assert 3 <= sum(early) <= 7


def test_two_at_once_are_not_sent_to_the_same_pair_while_others_wait():
    now = [0.0]
    claims = Claims(clock=lambda: now[0])
    pairs = [pair(n) for n in range(2)]
    first, _ = upcoming(pairs, [], "ann", lambda p: claims.by_others(p, "ann"))
    assert first is not None
    claims.take(first.id, "ann")
    second, _ = upcoming(pairs, [], "bob", lambda p: claims.by_others(p, "bob"))
    assert second is not None
    assert second.id != first.id
    now[0] = 1e6
    again, _ = upcoming(pairs, [], "bob", lambda p: claims.by_others(p, "bob"))
    assert again == first


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["ann", "bob", "eve"])), max_size=40))
def test_nobody_is_given_a_pair_twice(done: list[tuple[int, str]]):
    pairs = [pair(n) for n in range(10)]
    said = [verdict(pairs[n], who) for n, who in done]
    found, progress = upcoming(pairs, said, "ann")
    mine = {v.pair for v in said if v.reviewer == "ann"}
    assert found is None or found.id not in mine
    assert progress.done == len(mine)


# --- agreement -----------------------------------------------------------------------------------


def test_a_rule_on_which_people_differ_goes_back_to_its_owner_and_trains_nothing():
    pairs = [pair(n) for n in range(60)]
    said = []
    for n, one in enumerate(pairs):
        clear = "a" if n % 2 else "b"
        said.append(verdict(one, "ann", clear, no_legal_advice=clear, no_guarantees="a"))
        vague = ("a", "b", "both", "neither")[n % 4]
        said.append(verdict(one, "bob", clear, no_legal_advice=clear, no_guarantees=vague))
    found = agreement(pairs, said, RULES)
    clear_rule, vague_rule = found.rule("no-legal-advice"), found.rule("no-guarantees")
    assert clear_rule is not None
    assert vague_rule is not None
    assert (clear_rule.alpha, clear_rule.agreed, clear_rule.ambiguous) == (1.0, 1.0, False)
    assert vague_rule.ambiguous
    assert [rule.rule for rule in found.ambiguous] == ["no-guarantees"]
    rows = exported(pairs, said, found, consent="staff")
    assert {row["meta"]["rule"] for row in rows.dpo + rows.gate} == {"no-legal-advice", "overall"}
    assert rows.smoothing == {"no-legal-advice": 0.0, "overall": 0.0}


def test_too_few_double_labels_condemn_no_rule():
    pairs = [pair(n) for n in range(2)]
    said = [verdict(p, who, no_guarantees=c) for p in pairs for who, c in (("a", "a"), ("b", "b"))]
    found = agreement(pairs, said, ("no-guarantees",))
    assert not found.ambiguous


def test_gold_pairs_measure_the_reviewer_and_not_the_rule():
    gold = [pair(n, gold={"overall": "a", "no-guarantees": "b"}) for n in range(4)]
    said = [verdict(p, "ann", "a", no_guarantees="b") for p in gold]
    said += [verdict(p, "bob", "b", no_guarantees="b") for p in gold]
    found = agreement(gold, said, ("no-guarantees",))
    assert {r.reviewer: (r.gold_right, r.gold_asked) for r in found.reviewers} == {
        "ann": (8, 8),
        "bob": (4, 8),
    }
    assert all(rule.pairs == 0 for rule in found.rules)
    assert exported(gold, said, found, consent="staff").left == {"gold": 4}


def test_a_reviewer_who_answers_again_is_heard_once():
    one = pair(1)
    found = agreement([one], [verdict(one, "ann", "a"), verdict(one, "ann", "b")], ())
    assert found.reviewers[0].verdicts == 1
    rows = exported([one], [verdict(one, "ann", "a"), verdict(one, "ann", "b")], found, consent="x")
    (row,) = rows.dpo + rows.gate
    assert row["chosen"][0]["content"] == one.b


# --- rows ----------------------------------------------------------------------------------------


def test_rows_have_the_trainers_columns_and_say_where_they_come_from():
    pairs = [pair(n, meta={"model": "sha256:1"}) for n in range(40)]
    said = [verdict(p, "ann", "b", no_guarantees="a") for p in pairs]
    rows = exported(pairs, said, agreement(pairs, said, RULES), consent="staff, 2026")
    assert len(rows.dpo) + len(rows.gate) == 80
    assert rows.gate
    row = next(r for r in rows.dpo if r["meta"]["rule"] == "no-guarantees")
    assert set(row) == {"prompt", "chosen", "rejected", "meta"}
    (chosen,), (rejected,) = row["chosen"], row["rejected"]
    assert chosen["content"].startswith("Reply A")
    assert rejected["content"].startswith("Reply B")
    assert row["meta"]["model"] == "sha256:1"
    assert (row["meta"]["reviewers"], row["meta"]["consent"]) == (1, "staff, 2026")
    trained = {json.dumps(r["prompt"]) for r in rows.dpo + rows.sft}
    assert not trained & {json.dumps(r["prompt"]) for r in rows.gate}


def test_a_persons_prompts_stay_together():
    theirs = [pair(n, meta={"person": "client-7"}) for n in range(50)]
    assert len({in_gate(p) for p in theirs}) == 1


def test_what_a_reviewer_wrote_is_better_than_what_they_saw():
    one = next(p for p in map(pair, range(50)) if not in_gate(p))
    edited = Verdict(**{**_fields(verdict(one, "ann", "b")), "edit": "Better."})
    rows = exported([one], [edited], agreement([one], [edited], ()), consent="staff")
    assert [r["completion"][0]["content"] for r in rows.sft] == ["Better."]
    assert ("Better.", one.b) in {
        (r["chosen"][0]["content"], r["rejected"][0]["content"]) for r in rows.dpo
    }


def _fields(of: Verdict) -> dict[str, Any]:
    return {name: getattr(of, name) for name in Verdict.__slots__}


def test_what_is_reported_unlabelled_or_private_trains_nothing():
    def no_iban(text: str) -> str:
        if "A1" in text:
            raise ValueError("it holds an iban")
        return text

    pairs = [pair(n) for n in (1, 2, 3)]
    reported = Verdict(**{**_fields(verdict(pairs[1])), "report": "nonsense"})
    said = [verdict(pairs[0]), reported]
    rows = exported(pairs, said, agreement(pairs, said, ()), consent="staff", passed=no_iban)
    assert rows.dpo + rows.sft + rows.gate == []
    assert rows.left == {"personal data": 1, "reported by a reviewer": 1, "not labelled yet": 1}
    with pytest.raises(ValueError, match="basis"):
        exported(pairs, said, agreement(pairs, said, ()), consent=" ")
