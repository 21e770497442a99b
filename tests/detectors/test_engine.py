"""The engine: which start counts where Hyperscan reports the leftmost of all."""

from __future__ import annotations

import threading

import pytest

from remit.detectors.bounded import bounded
from remit.detectors.engine import Engine, Expression, parse_pattern
from remit.detectors.text import Text


def spans(expression: Expression, text: str, lead: int = 0, *, final: bool = True):
    scan = Engine([expression]).scan(Text(text, lead), final=final)
    return sorted({(span.start, span.end) for _, span in scan.hits})


def test_a_start_inside_a_word_gives_way_to_one_that_stands_apart():
    pattern = bounded(r"\d(?:[ -]?\d){3,9}", apart=True)
    assert (4, 8) in spans(Expression(pattern, 0), "x12 3456")
    assert all(start != 1 for start, _ in spans(Expression(pattern, 0), "x12 3456"))


def test_a_start_too_far_off_gives_way_to_one_within_the_width():
    pattern = bounded(r"[ab]+@", 4)
    assert spans(Expression(pattern, 0), "aaaaaabb@") == [(5, 9)]


def test_a_width_is_counted_in_characters():
    pattern = bounded(r"[é]{2,3}x")
    assert spans(Expression(pattern, 0), "你éééx") == [(1, 5)]
    assert spans(Expression(pattern, 0), "ééééx") == [(1, 5)]


def test_context_starts_no_match_but_hides_none():
    pattern = bounded(r"\b[^a](?: |\b)\b")
    assert (1, 2) in spans(Expression(pattern, 0), "1 _1", 1, final=False)


def test_a_hit_waits_for_what_follows():
    expression = Expression(bounded(r"ab\b"), 0)
    engine = Engine([expression])
    assert engine.scan(Text("ab"), final=False).settled == 0
    assert engine.scan(Text("ab "), final=False).settled == 0
    assert engine.scan(Text("ab c"), final=False).hits
    assert not engine.scan(Text("abc d"), final=False).hits


def test_a_backtracking_trap_costs_nothing():
    expression = Expression(bounded(r"\w(?:a?b?){30}a{30}c"), 0)
    text = "x" + "a" * 30 + "c  "
    assert spans(expression, text * 3, 1, final=False) == [(34, 66), (68, 100)]


@pytest.mark.parametrize("raw", ["㎏", "ﬁ", "…", "Ⅻ"])
def test_a_match_inside_an_expanded_character_is_that_character(raw):
    folded = Text(raw).plain.decode()
    assert spans(Expression(bounded(folded[1].replace(".", r"\.")), 0), raw) == [(0, 1)]


def test_threads_may_share_an_engine():
    engine = Engine([Expression(parse_pattern(r"\bHF-\d{6}\b"), 0, "file")])
    text = "no file here, " * 2_000 + "HF-123456."
    found, failed = [], []

    def scan():
        for _ in range(40):
            try:
                found.append(len(engine.scan(Text(text), final=True).hits))
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=scan) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set(found) == {1}
    assert len(found) == 240
