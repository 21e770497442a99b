"""Preference rows as pairs, each a statement about one head: a rule's, or the overall one."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from remit.layers.training.engine import Prompt
from remit.layers.training.rows import RowsError
from remit.types import Json

OVERALL = "overall"
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class Pair:
    """Of two replies to a prompt, `chosen` was preferred as far as `head` goes.

    `head` is a rule's id or `overall`. `margin` is by how much it should lead, in units of
    reward. `group` ties together pairs that are not independent: those of one prompt.
    """

    prompt: Prompt
    chosen: str
    rejected: str
    head: str = OVERALL
    margin: float = 0.0
    group: str = ""


def pairs_of(rows: Iterable[Json]) -> list[Pair]:
    """Pairs of preference rows `{prompt, chosen, rejected, margin?, meta?}`.

    The head is `meta.rule`, or the overall one where a row names none. Raises RowsError for what
    cannot be a rule's id: heads become names of files.
    """
    pairs = []
    for number, row in enumerate(rows, 1):
        meta = row.get("meta") or {}
        rule = str(meta.get("rule") or OVERALL)
        if len(rule) > _LONGEST or not _ID.fullmatch(rule):
            raise RowsError(f"row {number}: meta.rule {rule[:80]!r} is no rule's id; mend the row")
        pairs.append(
            Pair(
                row["prompt"],
                text_of(row["chosen"]),
                text_of(row["rejected"]),
                rule,
                float(row.get("margin") or 0.0),
                str(meta.get("group") or _group(row["prompt"])),
            )
        )
    return pairs


def heads_of(pairs: Iterable[Pair]) -> tuple[str, ...]:
    """The heads that pairs speak of: the overall one first, then rules by name."""
    named = Counter(pair.head for pair in pairs)
    named.pop(OVERALL, None)
    return (OVERALL, *sorted(named))


def apart(pairs: Sequence[Pair], share: float, salt: str) -> tuple[list[Pair], list[Pair]]:
    """Pairs to learn from and, of about a `share` of the groups, pairs to hold back.

    A group goes to one side as a whole and always to the same: by its hash, not by a draw.
    """
    kept: list[Pair] = []
    held: list[Pair] = []
    for pair in pairs:
        digest = hashlib.sha256(f"{salt}\0{pair.group}".encode("utf-8", "replace")).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
        (held if place < share else kept).append(pair)
    return kept, held


def text_of(completion: Any) -> str:
    """A completion's text, whether it is a text or a list of messages."""
    if isinstance(completion, str):
        return completion
    return "\n\n".join(str(message["content"]) for message in completion)


def last_turn(prompt: Prompt) -> str:
    """What the reply answers: the prompt's last message, or the prompt."""
    return prompt if isinstance(prompt, str) else str(prompt[-1]["content"])


def _group(prompt: Prompt) -> str:
    octets = prompt.encode("utf-8", "replace") if isinstance(prompt, str) else orjson.dumps(prompt)
    return hashlib.sha256(octets).hexdigest()[:16]
