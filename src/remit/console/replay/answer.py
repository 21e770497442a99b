"""One recorded answer under a draft: which texts are there to be read, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from remit.console.replay.comparison import PLACES, Comparison, Hit
from remit.policy import Policy
from remit.types import Action, Stage

FINGERPRINT: Final = "fingerprint"
MASKED: Final = "masked"
WITHHELD: Final = "withheld"
_SEVERITIES: Final = ("critical", "high", "medium", "low")
_ACTIONS: Final[Mapping[Any, Action]] = {action.word: action for action in Action}


@dataclass(frozen=True, slots=True)
class Changed:
    """An answer that would have been otherwise.

    `rules` would lead to the new action, the gravest first; `former` led to the old one.
    `unanswered`: the question was refused and would now reach the model, whose answer nobody knows.
    """

    receipt: str
    time: str
    before: Action
    after: Action
    rules: tuple[str, ...]
    former: tuple[str, ...]
    hits: tuple[Hit, ...]
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """An answer of which nobody can tell: a rule would have to read what is not there."""

    reason: str


@dataclass(slots=True)
class Recorded:
    """An answer's record: its texts as far as they are whole, and why the others are missing."""

    record: Mapping[str, Any]
    texts: dict[Stage, str] = field(default_factory=dict)
    missing: dict[Stage, str] = field(default_factory=dict)
    hits: list[Hit] = field(default_factory=list)

    @property
    def policy(self) -> str:
        """The digest of the remit it was given under."""
        return str(self.record.get("policy", ""))

    @property
    def asked(self) -> str:
        """What the client said last, as far as the record holds it."""
        return str(self.record.get("asked", ""))

    def find_texts(self, former: Policy | None, withheld: Callable[[str], str | None]) -> None:
        """Sets `texts` and `missing`. `withheld` gives what the model wrote, by case."""
        if "asked" not in self.record:
            self.missing = dict.fromkeys(PLACES, FINGERPRINT)
        else:
            self._find_asked(full=former is not None and former.record == "full")
            self._find_answered(withheld)
        if self._refused:
            self.texts.pop(Stage.OUTPUT, None)
            self.missing.pop(Stage.OUTPUT, None)

    def put(self, asked: str, answered: str | None) -> None:
        """Sets the texts where they are at hand whole, whatever the record holds of them."""
        texts = {Stage.INPUT: asked, Stage.OUTPUT: None if self._refused else answered}
        for place, text in texts.items():
            if text is not None:
                self.texts[place] = text
                self.missing.pop(place, None)

    def _find_asked(self, *, full: bool) -> None:
        # A program that only had its outputs judged would not have its inputs judged now.
        unjudged = self.record.get("upstream") == "library" and not self._texts(Stage.INPUT)
        if self.record.get("input_marks") and not full:
            self.missing[Stage.INPUT] = MASKED
        elif not unjudged:
            self.texts[Stage.INPUT] = self.asked

    def _find_answered(self, withheld: Callable[[str], str | None]) -> None:
        delivered = self.record.get("delivered") or {}
        complete = bool(delivered.get("complete"))
        if complete and not delivered.get("marks"):
            self.texts[Stage.OUTPUT] = str(self.record.get("answered", ""))
            return
        case = self.record.get("case")
        draft = withheld(str(case)) if case else None
        if draft:
            self.texts[Stage.OUTPUT] = draft
        else:
            self.missing[Stage.OUTPUT] = MASKED if complete else WITHHELD

    @property
    def _refused(self) -> bool:
        return self.record.get("kind") == "refusal"

    def _texts(self, stage: Stage) -> int:
        """How many texts were judged on a channel."""
        channels = self.record.get("channels") or {}
        return int((channels.get(stage.value) or {}).get("texts") or 0)

    # --- Deciding ----------------------------------------------------------------------------

    def outcome(self, comparison: Comparison) -> Changed | Unread | None:
        """What the draft makes of it, once `hits` holds what was read anew; None: nothing new."""
        was = dict.fromkeys(PLACES, Action.ALLOW)
        for place, finding in self._findings():
            was[place] = max(was[place], _ACTIONS.get(finding.get("action"), Action.ALLOW))
            if not self._read_anew(comparison, place, finding):
                hit = comparison.decided(place, finding)
                self.hits += [hit] if hit else []
        now = {place: self._action(place) for place in PLACES}
        for place in PLACES:
            open_ = place in self.missing and comparison.worst(place) > now[place]
            if open_ and now[place] <= was[place]:
                return Unread(self.missing[place])
            if place is Stage.INPUT and now[place].stops:
                now[Stage.OUTPUT] = was[Stage.OUTPUT] if was[place].stops else Action.ALLOW
                break
        unanswered = self._refused and not now[Stage.INPUT].stops
        if now == was and not unanswered:
            return None
        return self._changed(comparison.draft, now, max(was.values()), unanswered=unanswered)

    def _findings(self) -> Iterator[tuple[Stage, Mapping[str, Any]]]:
        """The findings at the two places; earlier turns were judged in answers of their own."""
        last = self._texts(Stage.INPUT) - 1
        tools = self._texts(Stage.TOOL) > 0  # then turns are counted on two channels
        for finding in self.record.get("findings") or ():
            stage = finding.get("stage")
            if stage == Stage.OUTPUT:
                yield Stage.OUTPUT, finding
            elif stage == Stage.INPUT and (tools or finding.get("message") == last):
                yield Stage.INPUT, finding

    def _read_anew(self, comparison: Comparison, place: Stage, finding: Mapping[str, Any]) -> bool:
        rules = comparison.anew.rules(place) if comparison.anew and place in self.texts else ()
        return any(rule.id == finding.get("rule") for rule in rules)

    def _action(self, place: Stage) -> Action:
        return max((hit.action for hit in self.hits if hit.place is place), default=Action.ALLOW)

    def _changed(
        self, draft: Policy, now: Mapping[Stage, Action], before: Action, *, unanswered: bool
    ) -> Changed:
        after = max(now.values())
        hits = tuple(hit for hit in self.hits if hit.action <= now[hit.place])
        led = {hit.rule for hit in hits if hit.action == after}
        return Changed(
            receipt=str(self.record.get("id", "")),
            time=str(self.record.get("time", "")),
            before=before,
            after=after,
            rules=tuple(sorted(led, key=lambda name: _gravity(draft, name))),
            former=tuple(map(str, self.record.get("decisive") or ())),
            hits=hits,
            unanswered=unanswered,
        )


def _gravity(draft: Policy, name: str) -> tuple[int, str]:
    return _SEVERITIES.index(draft.rule(name).severity), name
