"""A model as verification asks it: paced, patient, bounded in cost, each repeat drawn anew."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from weakref import WeakValueDictionary

import orjson

from remit.models.base import Model, Reply, UpstreamError
from remit.types import Json, Message
from remit.verify.pace import RETRIED, Pace
from remit.verify.wire import Answer, Sampling, answer, request

_AGAIN = frozenset({"connect", "timeout", "reset", "truncated"})
_TOLD = 300
_HANGS = 1
_BYTES_A_TOKEN = 3


class Replies(Protocol):
    """Where replies are kept between runs."""

    def get(self, key: str) -> bytes | None:
        """The body kept under a key."""
        ...

    def put(self, key: str, body: bytes) -> None:
        """Keeps a body."""
        ...


@dataclass(frozen=True, slots=True)
class Price:
    """Money for a million tokens, in whatever currency the cap is."""

    tokens_in: float
    tokens_out: float

    def of(self, given: Answer) -> float:
        """What an answer cost."""
        return (given.tokens_in * self.tokens_in + given.tokens_out * self.tokens_out) / 1e6


@dataclass(slots=True)
class Budget:
    """What may be spent and what was, over all models of a run."""

    cap: float | None = None
    spent: float = 0.0

    @property
    def exhausted(self) -> bool:
        """True once the cap is reached; what is under way then still comes in and is counted."""
        return self.cap is not None and self.spent >= self.cap


@dataclass(slots=True)
class Upstream:
    """One model behind one address. Safe for many tasks of one loop.

    `origin`, where the model is (its name, if not given), and `model_id` are part of a kept
    reply's key, and so is the number of the repeat: two repeats never share a reply.
    """

    name: str
    model: Model
    model_id: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    pace: Pace = field(default_factory=Pace)
    price: Price | None = None
    budget: Budget = field(default_factory=Budget)
    replies: Replies | None = None
    seconds: float = 180.0
    origin: str = ""
    asked: int = 0
    retried: int = 0
    _asking: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def ask(self, messages: Sequence[Message], repeat: int = 0) -> Answer:
        """One reply. Raises UpstreamError once patience is at its end."""
        body = request(messages, self.model_id, self.sampling)
        if self.replies is None:
            return (await self._paid(body))[0]
        key = self._key(body, repeat)
        # Rungs of a ladder ask the same at the same time; they are to hear the same.
        async with self._asking.setdefault(key, asyncio.Lock()):
            if (kept := self.replies.get(key)) is not None:
                return answer(kept)
            given, raw = await self._paid(body)
            self.replies.put(key, raw)
            return given

    async def _paid(self, body: Json) -> tuple[Answer, bytes]:
        raw = await self._fetch(body)
        given = answer(raw)
        if self.price is not None:
            self.budget.spent += self.price.of(_counted(given, body))
        return given, raw

    def _key(self, body: Json, repeat: int) -> str:
        return hashlib.sha256(orjson.dumps([self.origin or self.name, body, repeat])).hexdigest()

    async def _fetch(self, body: Json) -> bytes:
        """The body of a good reply. A refusal of the provider's pauses all tasks, not this one.

        A hang is tried once more only: at three minutes each, patience would take the evening.
        """
        fault, hangs = UpstreamError("connect", "not asked"), 0
        for attempt in range(self.pace.retries + 1):
            await self.pace.turn()
            self.asked += 1
            reply: Reply | None = None
            try:
                async with asyncio.timeout(self.seconds):
                    reply = await self.model.chat(body, {})
            except UpstreamError as error:
                fault = error
            except TimeoutError:
                fault = UpstreamError("timeout", f"no answer within {self.seconds:g} s")
            if reply is not None:
                self.pace.heed(reply.headers)
                if reply.status < 400 and reply.body is not None:
                    return reply.body
                fault = _refused(reply)
            hangs += fault.kind == "timeout"
            if not _worth_another(reply, fault) or attempt == self.pace.retries or hangs > _HANGS:
                break
            self.retried += 1
            wait = self.pace.backoff(attempt, reply.headers if reply else {})
            if reply is not None and reply.status in (429, 529):
                self.pace.pause(wait)
            else:
                await asyncio.sleep(wait)
        raise fault

    async def close(self) -> None:
        """Gives back connections."""
        await self.model.close()


def _counted(given: Answer, body: Json) -> Answer:
    """With tokens by size, rather too many, where the provider counted none: a cap must hold."""
    if given.tokens_in or given.tokens_out:
        return given
    said = len(given.text.encode("utf-8", "replace"))
    sizes = (len(orjson.dumps(body)) // _BYTES_A_TOKEN, said // _BYTES_A_TOKEN)
    return replace(given, tokens_in=sizes[0], tokens_out=sizes[1])


def _refused(reply: Reply) -> UpstreamError:
    text = (reply.body or b"").decode("utf-8", "replace")
    return UpstreamError("status", f"the model answered {reply.status}: {text[:_TOLD]}")


def _worth_another(reply: Reply | None, fault: UpstreamError) -> bool:
    if reply is None:
        return fault.kind in _AGAIN
    asked = reply.headers.get("x-should-retry")
    return asked == "true" or (reply.status in RETRIED and asked != "false")


@dataclass(frozen=True, slots=True)
class Asker:
    """An upstream as judges and attackers are asked: prompt in, text out. Paced and paid alike."""

    upstream: Upstream

    @property
    def name(self) -> str:
        """The model's own id, which a judge's calibration is for."""
        return self.upstream.model_id or self.upstream.name

    async def answer(self, prompt: str) -> str:
        """The reply's text. Raises UpstreamError where there is none."""
        return (await self.upstream.ask((Message("user", prompt),))).text
