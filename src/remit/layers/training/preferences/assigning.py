"""Who sees which pair next, and in which order its replies stand. Pure, but for the claims.

Nobody can tell whose a reply is: which stands first is drawn for each pair and reviewer anew, from
a key, so that it stays the same when the page is opened again. A share of the pairs is for two
reviewers, to measure agreement; gold pairs are for all, strewn evenly among the others.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from remit.layers.training.preferences.pairs import Pair
from remit.layers.training.preferences.verdicts import Verdict

DOUBLED: Final = 0.25
"""The share of pairs that two reviewers see."""

GOLD_EVERY: Final = 10
CLAIM_SECONDS: Final = 900.0


def shown_order(pair: str, reviewer: str, seed: int = 0) -> str:
    """`ab` or `ba`: which reply this reviewer sees first."""
    return "ab" if _drawn("order", seed, pair, reviewer) < 0.5 else "ba"


def wanted(pair: Pair, seed: int = 0, doubled: float = DOUBLED) -> int:
    """How many reviewers are to see a pair that is not gold."""
    return 2 if _drawn("double", seed, pair.id) < doubled else 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work has come. `left` is what this reviewer may still be given."""

    done: int
    left: int


def upcoming(
    pairs: Sequence[Pair],
    verdicts: Iterable[Verdict],
    reviewer: str,
    claimed: Callable[[str], bool] = lambda _: False,
    seed: int = 0,
) -> tuple[Pair | None, Progress]:
    """The next pair for a reviewer (None: all done), and the progress.

    Pairs that somebody else is looking at (`claimed`) come last, those with one of two verdicts
    first, so that agreement is known early.
    """
    said = list(verdicts)
    counts = Counter(verdict.pair for verdict in said)
    mine = {verdict.pair for verdict in said if verdict.reviewer == reviewer}
    gold = [pair for pair in pairs if pair.is_gold and pair.id not in mine]
    rest = [
        pair
        for pair in pairs
        if not pair.is_gold and pair.id not in mine and counts[pair.id] < wanted(pair, seed)
    ]
    progress = Progress(len(mine), len(gold) + len(rest))
    due_gold = gold and (not rest or len(mine) % GOLD_EVERY == _place(reviewer, seed))
    if due_gold:
        return min(gold, key=lambda pair: _drawn("gold", seed, pair.id, reviewer)), progress
    if not rest:
        return None, progress

    def rank(pair: Pair) -> tuple[bool, bool, float]:
        return claimed(pair.id), counts[pair.id] == 0, _drawn("next", seed, pair.id)

    return min(rest, key=rank), progress


@dataclass(slots=True)
class Claims:
    """Which pairs are being looked at, by whom: for a while, in this process."""

    seconds: float = CLAIM_SECONDS
    clock: Callable[[], float] = time.monotonic
    _held: dict[str, tuple[str, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, pair: str, reviewer: str) -> None:
        """Notes that a reviewer looks at a pair; the one before is let go of."""
        with self._lock:
            now = self.clock()
            for held, (who, until) in list(self._held.items()):
                if who == reviewer or until <= now:
                    del self._held[held]
            self._held[pair] = (reviewer, now + self.seconds)

    def by_others(self, pair: str, reviewer: str) -> bool:
        """True while somebody else looks at it."""
        who, until = self._held.get(pair, (reviewer, 0.0))
        return who != reviewer and until > self.clock()


def _place(reviewer: str, seed: int) -> int:
    """Where among ten a reviewer's gold pair comes, so that nobody can count it off."""
    return int(_drawn("place", seed, reviewer) * GOLD_EVERY)


def _drawn(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    key = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") / 2**64
