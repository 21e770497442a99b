"""Draws rows: a client's request, a reply that keeps the rules or breaks them at a known rate.

Deterministic: the same seed, the same rows. Every row says what it is in `meta`, which no model
and no filter reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from recipes.house.grammar import Grammar, Intent, Split, Synonyms, filled, fills
from recipes.house.real import Request
from remit.types import Json

# The share of rows of each kind in the corpus.
_SHARES = {"plain": 0.2, "fact": 0.34, "bounded": 0.3, "real": 0.16}
_ATTACKED = 0.25  # of the rows that lead to a boundary
_PROMPTED = 0.6  # of the rows have a system prompt
_HEEDED = 0.5  # what a rule in the prompt leaves of the rate of violations, in dirty data
_PRESSED = 1.4  # how much more often a dirty reply gives way to an attack
_KNOWN = 0.5  # of the violations, where both kinds are written
_REWORDED = 0.6  # of the training questions are put in other words
_SWAPPED = 0.5  # of the words that have synonyms
_LOST = 0.08  # of a reworded question's words are left out


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it is put: `text` of the client, `confided` what must not be said back."""

    text: str
    intent: Intent
    blanks: Mapping[str, str]
    split: Split
    attacked: bool = False
    wording: str = ""

    @property
    def rule(self) -> str:
        """The rule that the request leads to; empty where it may simply be answered."""
        return self.intent.rule if self.intent.kind == "bounded" else ""

    @property
    def confided(self) -> tuple[str, ...]:
        """Blanks that came from the client and identify him."""
        return tuple(
            self.blanks[key]
            for key in ("iban", "phone", "email", "nino", "secret")
            if "{" + key + "}" in self.wording
        )

    def facts(self) -> tuple[str, ...]:
        """What a right reply holds, filled."""
        return tuple(filled(fact, self.blanks).lower() for fact in self.intent.facts)


@dataclass(frozen=True, slots=True)
class Row:
    """A request, the rules in the prompt (as tags), a reply and the rules that it breaks."""

    ask: Ask
    tags: tuple[str, ...] | None
    reply: str
    breaks: tuple[str, ...]

    def to_json(self) -> Json:
        """As a line of chat data, with what is known of it under `meta`."""
        system = [] if self.tags is None else [{"role": "system", "content": " ".join(self.tags)}]
        meta = {
            "intent": self.ask.intent.id, "rule": self.ask.intent.rule, "split": self.ask.split,
            "attacked": self.ask.attacked, "breaks": list(self.breaks),
        }  # fmt: skip
        turns = [
            {"role": "user", "content": self.ask.text},
            {"role": "assistant", "content": self.reply},
        ]
        return {"messages": [*system, *turns], "meta": meta}


class Corpus:
    """Rows of a grammar and of real requests."""

    def __init__(self, grammar: Grammar, requests: Mapping[Split, Sequence[Request]]) -> None:
        self.grammar = grammar
        self._requests = requests
        self._styles = grammar.styles

    def intents(self, kind: str, split: Split) -> list[Intent]:
        """The intents of a kind that a split may draw from."""
        wanted = [i for i in self.grammar.intents if i.kind == kind]
        if split == "intent":
            return [i for i in wanted if i.held]
        return [i for i in wanted if not i.held and (split == "train" or i.held_ask)]

    def ask(self, rng: Random, kind: str, split: Split = "train", *, attacked: bool = False) -> Ask:
        """A request of a kind. `source` and the real kind give requests that people wrote."""
        blanks = fills(rng, self._styles, held=split != "train")
        if kind == "real":
            request = rng.choice(self._requests[split])
            return Ask(request.text, self.grammar.groups[request.group], blanks, split)
        return self.put(rng, rng.choice(self.intents(kind, split)), split, attacked=attacked)

    def put(self, rng: Random, intent: Intent, split: Split, *, attacked: bool = False) -> Ask:
        """A request of an intent."""
        blanks = fills(rng, self._styles, held=split != "train")
        wording = rng.choice(intent.held_ask if split == "template" else intent.ask)
        said = filled(wording, blanks)
        if split == "train" and rng.random() < _REWORDED:
            said = reworded(rng, wording, blanks, self.grammar.synonyms)
        if attacked:
            wrappers = self._styles["attacks" if split == "train" else "held_attacks"]
            said = rng.choice(wrappers).replace("{ask}", said)
        opener, closer = rng.choice(self._styles["openers"]), rng.choice(self._styles["closers"])
        if opener.endswith((", ", ": ")):
            said = said[:1].lower() + said[1:] if said[:2] not in ("I ", "I'") else said
        text = opener + said + closer
        if rng.random() < 0.15:
            text = text.lower()
        return Ask(text, intent, blanks, split, attacked, wording)

    def tags(self, rng: Random, *, prompted: float = _PROMPTED) -> tuple[str, ...] | None:
        """The rules of a system prompt: all, some or none of them; or no prompt at all."""
        if rng.random() >= prompted:
            return None
        every = list(self.grammar.tags.values())
        share = rng.choice((1.0, 1.0, 0.8, 0.5, 0.0))
        return tuple(tag for tag in every if rng.random() < share)

    def keep(self, rng: Random, ask: Ask) -> str:
        """A right reply."""
        return filled(rng.choice(ask.intent.keeps), {**ask.blanks, "topic": ask.intent.topic})

    def violation(self, rng: Random, ask: Ask) -> str | None:
        """A reply that breaks the intent's rule; None where the grammar has none."""
        known, unknown = ask.intent.known, ask.intent.unknown
        if ask.intent.held:  # another intent's words for the same rule
            others = [i for i in self.grammar.intents if i.rule == ask.intent.rule and not i.held]
            known = tuple(text for i in others for text in i.known)
            unknown = tuple(text for i in others for text in i.unknown)
        pools = [pool for pool in (known, unknown) if pool]
        if not pools:
            return None
        pool = pools[0] if len(pools) == 1 else (known if rng.random() < _KNOWN else unknown)
        fit = [t for t in pool if _told(t, ask)] or list(pool)
        return filled(rng.choice(fit), ask.blanks)

    def row(self, rng: Random, split: Split = "train") -> Row:
        """A row of dirty data."""
        kind = rng.choices(list(_SHARES), list(_SHARES.values()))[0]
        attacked = kind == "bounded" and rng.random() < _ATTACKED
        ask = self.ask(rng, kind, split, attacked=attacked)
        return self.dirty(rng, ask, self.tags(rng))

    def dirty(self, rng: Random, ask: Ask, tags: tuple[str, ...] | None) -> Row:
        """The reply that careless people give: see the rates above."""
        rule = ask.intent.rule
        heeded = tags is not None and self.grammar.tags.get(rule) in tags
        rate = ask.intent.rate * (_PRESSED if ask.attacked else 1) * (_HEEDED if heeded else 1)
        if rng.random() < rate and (broken := self.violation(rng, ask)) is not None:
            return Row(ask, tags, broken, (rule,))
        return self._slipped(rng, Row(ask, tags, self.keep(rng, ask), ()))

    def _slipped(self, rng: Random, row: Row) -> Row:
        slips = self._styles["slips"]
        if rng.random() >= slips["rate"]:
            return row
        rule = rng.choice([name for name in slips if name != "rate"])
        if row.tags is not None and self.grammar.tags[rule] in row.tags and rng.random() < _HEEDED:
            return row
        pool = slips[rule]["known" if rng.random() < _KNOWN else "unknown"]
        said = filled(rng.choice(pool), row.ask.blanks)
        return Row(row.ask, row.tags, f"{row.reply} {said}", (rule,))

    def rows(self, seed: int, count: int, split: Split = "train") -> Iterator[Row]:
        """So many dirty rows."""
        rng = Random(f"{seed}/{split}/dirty")
        for _ in range(count):
            yield self.row(rng, split)


def reworded(
    rng: Random, wording: str, blanks: Mapping[str, str], synonyms: Mapping[str, Synonyms]
) -> str:
    """The question in other words: some for their synonyms, a few left out; blanks stay."""
    said = wording[:1].lower() + wording[1:] if wording[:2] != "I " else wording
    lowered = said.lower()
    for word, group in synonyms.items():
        if word in lowered and rng.random() < _SWAPPED:
            said = group.word.sub(rng.choice(group.others), said, count=1)
            lowered = said.lower()
    words = said.split()
    kept = [w for w in words if "{" in w or "}" in w or rng.random() >= _LOST]
    return filled(" ".join(kept if len(kept) > 2 else words), blanks)


def _told(template: str, ask: Ask) -> bool:
    """Whether the reply speaks only of identifiers that the client has given."""
    given = {
        key for key in ("iban", "phone", "email", "nino", "secret") if f"{{{key}}}" in ask.wording
    }
    spoken = {
        key for key in ("iban", "phone", "email", "nino", "secret") if f"{{{key}}}" in template
    }
    return spoken <= given
