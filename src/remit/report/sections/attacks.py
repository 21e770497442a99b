"""The red team: success of attacks, apart from every rate on ordinary conversations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from remit.report import words
from remit.report.document import Block, Claims, Gap, Section, Task, Text
from remit.report.gather import Gathered
from remit.report.sections.base import reviewer_of, section, table
from remit.report.sections.measured import claims_of, target_name
from remit.types import Json

_MOST_ATTACKS: Final = 12


def attacks(gathered: Gathered) -> Section:
    """Success of attacks, apart from the rate on ordinary conversations."""
    asks = "What happens when somebody tries?"
    return section("attacks", "Red team", asks, _attacks(gathered))


def _attacks(gathered: Gathered) -> Iterator[Block]:
    found = False
    for one in gathered.verifications:
        for target in one.value["targets"]:
            claims = claims_of(gathered, one, target, "attacks")
            if not claims:
                continue
            found = True
            yield Claims(
                f"Attack success: {target_name(target)}",
                claims,
                "A rate of this suite at this number of attempts, and of nothing else: clients are "
                f"not attackers. Suite {words.short(str(one.value['suites']['digest']))}.",
            )
            yield from _by_attack(target)
    if not found:
        yield Gap("No attack was tried.", "run `remit verify` with --attacks default")
    yield Task(
        reviewer_of(gathered), "Say whether people have tried to break it too, and what came of it."
    )


def _by_attack(target: Json) -> Iterator[Block]:
    sums: dict[str, list[int]] = {}
    for tried in target.get("attacks") or ():
        both = sums.setdefault(words.plain(tried["attack"], 60), [0, 0])
        both[0] += int(tried["succeeded"])
        both[1] += int(tried["samples"])
    ranked = sorted(sums.items(), key=lambda item: (-item[1][0] / max(1, item[1][1]), item[0]))
    hits = [(name, f"{won:,} of {played:,} samples") for name, (won, played) in ranked if won]
    if hits:
        note = f"{len(sums)} attacks were tried; samples are not independent, so no rate."
        yield table(("attack", "succeeded, all rules together"), hits[:_MOST_ATTACKS], note)
    elif sums:
        yield Text(
            f"None of {words.count(len(sums), 'attack')} succeeded in any sample.", soft=True
        )
