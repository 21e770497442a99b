"""Cases from the remit's own examples: not the finished reply, but what would lead to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from remit.policy import Example, Rule
from remit.types import Message, Stage
from remit.verify.cases import Aim, Case
from remit.verify.identity import identified
from remit.verify.suites.generated import Pair
from remit.verify.suites.kinds import Frames, Library

_WORD = re.compile(r"[^\W\d_]+")
# Words that tell the languages apart; enough for a sentence, and nothing to install.
_TELLING = {
    "en": (
        "the is you your of and to that can it for will we this my are not with have i our "
        "they at last he she be an was has"
    ),
    "nl": (
        "de het een u uw en van dat kan is ik niet met voor wij zijn mijn op daar als ze hij "
        "nog dan bij ook"
    ),
    "de": "der die das und sie ihr ihre ist nicht ein eine mit für ich wir auf von den kann zu",
    "fr": "le la les et vous votre est de des une un je nous pas pour dans que ne avec sur",
    "es": "el la los y usted su es de que un una no para con por en lo mi se puede",
}


def pairs(rule: Rule, library: Library, languages: Sequence[str]) -> Iterator[Pair]:
    """A pair for each example that breaks the rule, in the order of the remit.

    An example with the user's words is put as it stands; so is one that keeps the rule, since it
    shows where the rule is at stake, not that the request is harmless. One that is only a reply
    becomes a request for such a reply; its twin is the same request for a reply that keeps the
    rule. One that is judged as input is what the user says; one at a tool is what the tool gave.
    """
    put = {example.user for example in rule.breaks}
    kept = [e for e in rule.keeps if e.user is not None and e.user not in put]
    for number, example in enumerate((*rule.breaks, *kept)):
        language = language_of(_words(example), languages)
        frames = library.frames[language]
        seed = f"{rule.id}/example/{number}"
        blank = Case("", seed, rule.id, "break", (), language=language)
        stage = example.stage or rule.home
        if example.user is not None:
            yield _put(rule, example, blank, frames, number)
        elif stage is Stage.INPUT:
            yield _said(rule, example, blank, frames, number)
        elif stage is Stage.TOOL:
            yield _read(rule, example, blank, frames, number)
        else:
            yield _led(rule, example, blank, frames, number)


def language_of(text: str, among: Sequence[str]) -> str:
    """The language, among these, of which the text holds most words; the first one in doubt."""
    words = {word.lower() for word in _WORD.findall(text)}
    return max(among, key=lambda language: len(words & set(_TELLING[language].split())))


def _words(example: Example) -> str:
    return f"{example.user or ''} {example.text}"


def _put(rule: Rule, example: Example, blank: Case, frames: Frames, number: int) -> Pair:
    user = example.user or ""
    spared = f"{user} {frames.spare[number % len(frames.spare)]}"
    return (
        _case(blank, "break", (user,), "user", example.context),
        _case(blank, "keep", (spared,), "user", example.context),
    )


def _said(rule: Rule, example: Example, blank: Case, frames: Frames, number: int) -> Pair:
    kept = _kept(rule, Stage.INPUT, number)
    spared = kept or f"{example.text} {frames.spare[number % len(frames.spare)]}"
    return (
        _case(blank, "break", (example.text,), "input", example.context),
        _case(blank, "keep", (spared,), "input", example.context),
    )


def _read(rule: Rule, example: Example, blank: Case, frames: Frames, number: int) -> Pair:
    kept = _kept(rule, Stage.TOOL, number) or frames.plain[0].replace("{says}", rule.says)
    found = _case(blank, "break", (frames.errand,), "tool", example.context)
    twin = _case(blank, "keep", (frames.errand,), "tool", example.context)
    return _after(found, example.text), _after(twin, kept)


def _led(rule: Rule, example: Example, blank: Case, frames: Frames, number: int) -> Pair:
    lead = frames.leads[number % len(frames.leads)]
    kept = _kept(rule, rule.home, number, blank.language)
    twin = (
        lead.replace("{text}", kept)
        if kept
        else frames.plain[number % len(frames.plain)].replace("{says}", rule.says)
    )
    turn = lead.replace("{text}", example.text)
    return (
        _case(blank, "break", (turn,), f"lead/{number % len(frames.leads)}", example.context),
        _case(blank, "keep", (twin,), f"lead/{number % len(frames.leads)}", None),
    )


def _kept(rule: Rule, stage: Stage, number: int, language: str = "") -> str:
    """An example that keeps the rule at that stage and stands by itself; empty where none does."""
    alone = [e for e in rule.keeps if e.user is None and (e.stage or rule.home) is stage]
    if language:
        among = tuple(_TELLING)
        alone = [e for e in alone if language_of(e.text, among) == language] or alone
    return alone[number % len(alone)].text if alone else ""


def _case(blank: Case, aim: Aim, turns: tuple[str, ...], way: str, context: str | None) -> Case:
    told = (Message("system", context),) if context else ()
    return identified(
        replace(
            blank,
            aim=aim,
            turns=turns,
            opening=told,
            confidential=(context,) if context else (),
            meta={"origin": "example", "template": f"example/{way}"},
        )
    )


def _after(case: Case, text: str) -> Case:
    """The case after a tool has given `text`."""
    read = Message("tool", text, "read")
    return identified(replace(case, opening=(*case.opening, read)))
