"""Two replies to one prompt, as they wait for a person.

JSON Lines: `{prompt, a, b}`, with `id` (or one is made of the content), `rules` (those to be asked
about; all of the remit where left out), `gold` (the right answers, known beforehand: `{overall: a,
no-legal-advice: b}`) and `meta`, which is kept. A prompt is a text or a list of messages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from remit.types import Json

LINE_BYTES: Final = 1 << 20
PAIRS_MOST: Final = 1_000_000
OVERALL: Final = "overall"
_ID_MOST: Final = 200
_PROBLEMS_SHOWN: Final = 5


class PairsError(ValueError):
    """Pairs that nobody could compare; the message names file, line and cure."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair. `turns` is the prompt as messages; `rules` is empty where all are asked about."""

    id: str
    prompt: str | tuple[Json, ...]
    a: str
    b: str
    rules: tuple[str, ...] = ()
    gold: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def turns(self) -> tuple[Json, ...]:
        """The prompt as messages."""
        if isinstance(self.prompt, str):
            return ({"role": "user", "content": self.prompt},)
        return self.prompt

    @property
    def is_gold(self) -> bool:
        """True where the right answer is known: it tells how carefully a reviewer reads."""
        return bool(self.gold)


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """All pairs of a file, in order. Raises PairsError for any that cannot be shown."""
    pairs: dict[str, Pair] = {}
    problems: list[str] = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if number > PAIRS_MOST or len(line) > LINE_BYTES:
                raise PairsError(
                    f"{path}:{number}: too much; {PAIRS_MOST:,} lines of 1 MiB at most"
                )
            if not line.strip():
                continue
            try:
                pair = _pair(orjson.loads(line))
                if pair.id in pairs:
                    raise ValueError(f"the id '{pair.id}' stands twice")
                pairs[pair.id] = pair
            except ValueError as error:
                problems.append(f"{path}:{number}: {error}")
    if problems:
        more = len(problems) - _PROBLEMS_SHOWN
        shown = "\n".join(problems[:_PROBLEMS_SHOWN])
        raise PairsError(shown + (f"\nand {more} more" if more > 0 else ""))
    if not pairs:
        raise PairsError(f"{path}: no pairs; give lines of {{prompt, a, b}}")
    return tuple(pairs.values())


def _pair(value: Any) -> Pair:
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    a, b, prompt = value.get("a"), value.get("b"), value.get("prompt")
    if not (isinstance(a, str) and isinstance(b, str) and a.strip() and b.strip()):
        raise ValueError("needs the replies 'a' and 'b' as texts")
    if a == b:
        raise ValueError("'a' and 'b' are the same reply; leave it out")
    turns = _prompt(prompt)
    rules, gold = value.get("rules", []), value.get("gold", {})
    if not (isinstance(rules, list) and all(isinstance(rule, str) for rule in rules)):
        raise ValueError("'rules' must be a list of rule ids")
    if not (isinstance(gold, dict) and all(choice in _CHOICES for choice in gold.values())):
        raise ValueError(f"'gold' must give each rule one of {', '.join(_CHOICES)}")
    meta = value.get("meta", {})
    if not isinstance(meta, dict):
        raise ValueError("'meta' must be an object")
    id_ = value.get("id", "")
    if not isinstance(id_, str) or len(id_) > _ID_MOST or not id_.isprintable():
        raise ValueError(f"'id' must be a text of at most {_ID_MOST} characters")
    return Pair(id_ or _made_id(prompt, a, b), turns, a, b, tuple(rules), gold, meta)


_CHOICES: Final = ("a", "b", "both", "neither", "na")


def _prompt(prompt: Any) -> str | tuple[Json, ...]:
    if isinstance(prompt, str) and prompt.strip():
        return prompt
    if isinstance(prompt, list) and prompt:
        for turn in prompt:
            if not (
                isinstance(turn, dict)
                and isinstance(turn.get("role"), str)
                and isinstance(turn.get("content"), str)
            ):
                raise ValueError("a message needs 'role' and 'content' as texts")
        return tuple(prompt)
    raise ValueError("needs a 'prompt': a text, or a list of messages")


def _made_id(prompt: Any, a: str, b: str) -> str:
    return hashlib.sha256(orjson.dumps([prompt, a, b])).hexdigest()[:16]
