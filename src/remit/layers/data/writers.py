"""The model that says rows anew, asked some at a time while a part is filtered.

What a part holds is noted only when all of it is done, so a run that was stopped asks again for the
part it was at and for no other. The outcome is as repeatable as the model is: it is asked with
temperature 0, and nothing of it depends on the order in which answers come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from remit.layers.data.apply import Applied, Shape
from remit.layers.data.rewrite import rewritten
from remit.layers.data.rows import Mark, Row, Step, Way
from remit.models.asking import Asking
from remit.models.openai import OpenAICompatible
from remit.policy import Policy
from remit.types import Json

_MAX_TOKENS = 8_192
Marked = tuple[Row, tuple[Mark, ...]]


@dataclass(frozen=True, slots=True)
class Writer:
    """An OpenAI-compatible model, by address and name; `at_once` rows are asked for at a time.

    `key` is sent to that address only, and written nowhere. Raises ValueError for an address that
    holds a password, because the ledger names the address.
    """

    url: str
    model: str
    key: str = field(default="", compare=False, repr=False)
    at_once: int = 8

    def __post_init__(self) -> None:
        if "@" in urlsplit(self.url).netloc:
            raise ValueError("the address holds a name or password; give a key instead")

    def to_json(self) -> Json:
        """What decides the outcome, for the ledger."""
        return {"url": self.url, "model": self.model}


def wanted(marks: Sequence[Mark]) -> bool:
    """True where a row is to be said anew, and not taken out anyway."""
    return max((mark.way for mark in marks), default=Way.KEEP) is Way.REWRITE


def rewrites(
    writer: Writer, rows: Sequence[Marked], step: Step, policy: Policy, shape: Shape
) -> Mapping[int, Applied]:
    """What each of these rows becomes, by its number. `step` judges what was written.

    Raises ValueError where the address or the key cannot be used.
    """
    return asyncio.run(_all(writer, rows, step, policy, shape)) if rows else {}


async def _all(
    writer: Writer, rows: Sequence[Marked], step: Step, policy: Policy, shape: Shape
) -> dict[int, Applied]:
    model = OpenAICompatible(writer.url, writer.key or None)
    asking = Asking(model, writer.model, _MAX_TOKENS)
    free = asyncio.Semaphore(writer.at_once)

    async def one(row: Row, marks: tuple[Mark, ...]) -> tuple[int, Applied]:
        async with free:
            return row.number, await rewritten(row, marks, step, asking, policy, shape)

    try:
        return dict(await asyncio.gather(*(one(row, marks) for row, marks in rows)))
    finally:
        await model.close()
