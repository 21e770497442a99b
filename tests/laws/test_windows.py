"""The induction under law 3: reading in windows finds exactly what reading the whole finds."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from windows import covered, in_windows, small_regex, small_text, some_ends

from remit.detectors.automaton import Beginnings
from remit.detectors.bounded import PatternError, bounded
from remit.detectors.engine import Engine, Expression, parse_pattern
from remit.detectors.text import Text

SHARES = 4


def patterns(rng: random.Random) -> list[str]:
    kept = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        source = small_regex(rng)
        try:
            parse_pattern(source)
        except PatternError:
            continue
        kept.append(source)
    return kept


@pytest.mark.parametrize("share", range(SHARES))
def test_windows_find_what_the_whole_finds(share):
    checked = 0
    for seed in range(share * 100, share * 100 + 100):
        rng = random.Random(seed)
        sources = patterns(rng)
        engine = Engine([Expression(bounded(s), use, s) for use, s in enumerate(sources)])

        def scan(text, *, final, engine=engine):
            found = engine.scan(text, final=final)
            return set(found.hits), found.settled

        for _ in range(12):
            text = small_text(rng)
            whole = covered(scan(Text(text), final=True)[0])
            for _ in range(3):
                ends = some_ends(rng, text)
                assert covered(in_windows(scan, text, ends)) == whole, (seed, sources, text, ends)
                checked += 1
    assert checked >= 3_000


@pytest.mark.parametrize("seed", range(150))
def test_the_engine_finds_what_re_finds(seed):
    """On ASCII: whatever character `re` has in a match from some start to some end is found."""
    rng = random.Random(seed + 5_000)
    sources = patterns(rng)
    if not sources:
        return
    engine = Engine([Expression(bounded(s), use, s) for use, s in enumerate(sources)])
    for _ in range(6):
        text = "".join(rng.choices("aabB112 -_.\n", k=rng.randrange(1, 14)))
        mine = covered(set(engine.scan(Text(text), final=True).hits))
        theirs = set()
        for use, source in enumerate(sources):
            for start, end in itertools.combinations(range(len(text) + 1), 2):
                rest = rf"(?:{source})(?=(?s:.){{{len(text) - end}}}\Z)"
                if re.compile(rest, re.IGNORECASE | re.ASCII).match(text, start):
                    theirs |= {(use, index) for index in range(start, end)}
        assert mine == theirs, (sources, text)


@pytest.mark.parametrize("seed", range(150))
def test_beginnings_are_never_later_than_the_first_that_can_still_match(seed):
    rng = random.Random(seed + 9_000)
    sources = [s for s in patterns(rng) if bounded(s).width <= 4 and "é" not in s]
    if not sources:
        return
    beginnings = Beginnings([bounded(s) for s in sources])
    exact = [re.compile(s, re.IGNORECASE | re.ASCII) for s in sources]
    endings = ["".join(e) for n in range(4) for e in itertools.product("ab1 -", repeat=n)]
    for _ in range(4):
        text = "".join(rng.choices("ab1 -", k=rng.randrange(1, 7)))
        first = beginnings.first(text, 0)
        for start in range(min(first, len(text))):
            for ending in endings:
                for pattern in exact:
                    assert not pattern.fullmatch(text + ending, start), (sources, text, ending)
