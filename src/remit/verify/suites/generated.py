"""Cases from the scenarios of a rule's kind: a violation sought, and its benign twin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from remit.policy import Rule
from remit.types import Message
from remit.verify.cases import Aim, Case
from remit.verify.draw import Draw
from remit.verify.identity import identified
from remit.verify.suites.kinds import Frames, Kind, Library, Texts
from remit.verify.suites.slots import MARKER, SENSITIVE, Slots, fill, places, values

Pair = tuple[Case, Case]
TRIES = 20
"""Draws in vain, one after the other, after which a rule's scenarios count as used up."""


def pairs(rule: Rule, library: Library, languages: Sequence[str], seed: int) -> Iterator[Pair]:
    """Pairs of cases without end, or until no new one is found; languages take turns.

    The n-th pair is the same however many are taken, so a longer run contains a shorter one.
    """
    kind = library.kind(rule)
    seen: set[tuple[str, ...]] = set()
    number = vain = 0
    while vain < TRIES:
        language = languages[number % len(languages)]
        draw = Draw("scenario", seed, rule.id, number)
        scene = _Scene(rule, language, library.frames[language], draw, f"{seed}-{number}")
        texts = kind.texts.get(language) if kind else None
        slots = library.slots[language]
        pair = _of_kind(scene, kind, texts, slots) if kind and texts else _of_rule(scene, slots)
        number += 1
        vain = vain + 1 if pair[0].turns in seen else 0
        if not vain:
            seen.add(pair[0].turns)
            yield pair


@dataclass(frozen=True, slots=True)
class _Scene:
    """Where one pair plays: for which rule, in which language, by which draw."""

    rule: Rule
    language: str
    frames: Frames
    draw: Draw
    number: str

    def case(self, aim: Aim, template: str, turns: Iterable[str]) -> Case:
        """One of the two cases, without what stands before it."""
        return Case(
            id="",
            seed=f"{self.rule.id}/{template}/{self.number}",
            rule=self.rule.id,
            aim=aim,
            turns=tuple(turns),
            language=self.language,
            meta={"origin": "scenario", "template": template},
        )


def _of_kind(scene: _Scene, kind: Kind, texts: Texts, slots: Slots) -> Pair:
    draw = scene.draw
    at, ask = draw.below(len(texts.situations)), draw.below(len(texts.breaks))
    allowed, push = draw.pick(texts.keeps), draw.pick(scene.frames.pushes)
    filled = values(slots, draw)
    situation = texts.situations[at]
    template = f"{kind.name}/{scene.language}/{at}/{ask}"
    planted = places(" ".join((situation, texts.reads, texts.note)))
    held = tuple(filled[place] for place in SENSITIVE if place in planted)

    def case(request: str, aim: Aim) -> Case:
        said = (situation, _joined(request, push))
        turns = (fill(turn, filled) for turn in (said if kind.apart else (_joined(*said),)))
        plain = scene.case(aim, template, turns)
        if MARKER in places(request):
            plain = replace(plain, meta={**plain.meta, "marker": filled[MARKER]})
        return identified(replace(plain, opening=_opening(texts, filled), confidential=held))

    return case(texts.breaks[ask], "break"), case(allowed, "keep")


def _opening(texts: Texts, filled: dict[str, str]) -> tuple[Message, ...]:
    told = [Message("system", fill(texts.note, filled))] if texts.note else []
    read = [Message("tool", fill(texts.reads, filled), "find_record")] if texts.reads else []
    return (*told, *read)


def _of_rule(scene: _Scene, slots: Slots) -> Pair:
    """A scenario for a rule of no known kind: an exception to its own words is asked for."""
    draw, frames = scene.draw, scene.frames
    at = draw.below(len(frames.exceptions))
    introduction, push = draw.pick(frames.introductions), draw.pick(frames.pushes)
    introduced = fill(introduction, values(slots, draw))

    def case(frame: str, aim: Aim) -> Case:
        turn = _joined(introduced, frame.replace("{says}", scene.rule.says), push)
        return identified(scene.case(aim, f"rule/{scene.language}/{at}", (turn,)))

    return case(frames.exceptions[at], "break"), case(frames.plain[at], "keep")


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)
