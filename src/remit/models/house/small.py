"""The small house model: a language model of one to six million weights, run on one core.

It plays Ada of Hollis & Finch Accountants, in English, and was taught in public by
`recipes/house`. What it says depends on which boundaries stand in the system prompt: see
`network/sight.py` for how it reads them. It needs the extra `learned`, for numpy and tokenizers.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from remit.models import completion as wire
from remit.models.base import Reply

if TYPE_CHECKING:
    from remit.models.house.network.writer import Writer

SMALL_ID = "remit-house-small"
SHIPPED = Path(__file__).parent / "weights"
_MADE = 1_767_225_600  # 2026-01-01
_MOST_TOKENS = 160


class HouseError(Exception):
    """The small model cannot be run; the message says what is missing and the cure."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How a reply is drawn: `temperature` 0 takes the likeliest token, else by `seed`."""

    temperature: float = 0.0
    seed: int = 0
    most: int = _MOST_TOKENS


class SmallHouse:
    """Answers by its weights; implements `Model`."""

    name = "house"

    def __init__(
        self,
        writer: Writer,
        *,
        new_id: Callable[[], str] = lambda: f"chatcmpl-{uuid.uuid4().hex}",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._writer, self._new_id, self._clock = writer, new_id, clock

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> SmallHouse:
        """The model of a folder. Raises HouseError where it cannot be run here."""
        try:
            from remit.models.house.network.files import WeightsError
            from remit.models.house.network.writer import Writer
        except ImportError as error:
            raise HouseError(
                f"the small house model needs {error.name}: pip install 'remit[learned]'"
            ) from None
        try:
            return cls(Writer.load(folder))
        except WeightsError as error:
            raise HouseError(str(error)) from None

    async def chat(self, request: Mapping[str, object], headers: Mapping[str, str]) -> Reply:
        """Answers; 400 for what it cannot do. `temperature` is 0 where none is asked for."""
        if request.get("n") not in (None, 1):
            return wire.error_reply(400, "the house model gives one choice; set n to 1", param="n")
        if not wire.last_user_text(request).strip():
            return wire.error_reply(
                400, "no text from the user; end messages with a user message", param="messages"
            )
        draw = _draw(request)
        if isinstance(draw, Reply):
            return draw
        prompt = self._writer.prompt(list(wire.turns(request)))
        head = wire.Completion(self._new_id(), int(self._clock()), SMALL_ID, SMALL_ID)
        pieces = self._writer.write(prompt, draw.temperature, draw.seed, draw.most)
        if wire.streams(request):
            asked = wire.wants_usage(request)
            return wire.event_reply(self._events(head, pieces, len(prompt), with_usage=asked))
        # A reply takes some 50 ms: long enough to keep others waiting, so it has its own thread.
        words, finish = await asyncio.to_thread(_all, pieces)
        usage = wire.Usage(len(prompt), len(words))
        return wire.body_reply(head.whole({"content": "".join(words).strip()}, finish, usage))

    async def models(self) -> Reply:
        """A list of one."""
        return wire.model_list([SMALL_ID], _MADE)

    async def close(self) -> None:
        """Nothing is held."""

    async def _events(
        self, head: wire.Completion, pieces: Iterator[str], read: int, *, with_usage: bool
    ) -> AsyncIterator[bytes]:
        yield head.chunk({"role": "assistant", "content": ""}, with_usage=with_usage)
        count, finish = 0, "length"
        for piece in pieces:
            if piece == "":
                finish = "stop"
                break
            count += 1
            yield head.chunk({"content": piece}, with_usage=with_usage)
            await asyncio.sleep(0)
        yield head.chunk({}, finish, with_usage=with_usage)
        if with_usage:
            yield head.usage_chunk(wire.Usage(read, count))
        yield wire.DONE


def _all(pieces: Iterator[str]) -> tuple[list[str], str]:
    words: list[str] = []
    for piece in pieces:
        if piece == "":
            return words, "stop"
        words.append(piece)
    return words, "length"


def _draw(request: Mapping[str, object]) -> Draw | Reply:
    heat = request.get("temperature") or 0.0
    if not isinstance(heat, int | float) or not 0 <= heat <= 2:
        return wire.error_reply(400, "temperature is a number from 0 to 2", param="temperature")
    seed = request.get("seed")
    most = request.get("max_completion_tokens", request.get("max_tokens"))
    most = most if isinstance(most, int) and most > 0 else _MOST_TOKENS
    return Draw(float(heat), seed if isinstance(seed, int) else 0, min(most, _MOST_TOKENS))
