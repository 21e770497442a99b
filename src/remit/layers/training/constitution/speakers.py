"""Who answers: a model in a local folder, or one behind an address. Asked in batches, seeded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from remit.enforce import run
from remit.layers.training.engine import Prompt, TrainingError
from remit.layers.training.judged import as_messages
from remit.models.base import Model, UpstreamError

_AT_ONCE = 8


class Speaker(Protocol):
    """Answers prompts."""

    @property
    def name(self) -> str:
        """Who it is, for the record."""

    def say(self, prompts: Sequence[Prompt], *, n: int = 1, seed: int = 0) -> list[list[str]]:
        """`n` replies a prompt, in order. Raises TrainingError where there are none."""


@dataclass(frozen=True, slots=True)
class Local:
    """A causal model in a Hugging Face folder."""

    folder: Path
    temperature: float = 1.0
    max_tokens: int = 128

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def say(self, prompts: Sequence[Prompt], *, n: int = 1, seed: int = 0) -> list[list[str]]:
        """Sampled replies; the same for the same seed."""
        from remit.layers.training.generate import sample

        if not prompts:
            return []
        drawn = sample(
            self.folder,
            prompts,
            n=n,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            seed=seed,
        )
        return [[one.text for one in group] for group in drawn]


@dataclass(frozen=True, slots=True)
class Remote:
    """Any model that answers chat-completions requests: an address, the house model, Scripted.

    The seed is sent along and may be passed over: only a local model is sure to repeat itself.
    """

    model: Model
    model_id: str
    temperature: float = 1.0
    max_tokens: int = 256
    seconds: float = 120.0

    @property
    def name(self) -> str:
        """The model's name where it is served."""
        return self.model_id or self.model.name

    def say(self, prompts: Sequence[Prompt], *, n: int = 1, seed: int = 0) -> list[list[str]]:
        """One request a reply, a few at a time."""
        found: list[list[str]] = run(self._all(prompts, n, seed))
        return found

    async def _all(self, prompts: Sequence[Prompt], n: int, seed: int) -> list[list[str]]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(prompt: Prompt, number: int) -> str:
            async with gate:
                return await asyncio.wait_for(self._one(prompt, seed + number), self.seconds)

        asked = [one(prompt, number) for prompt in prompts for number in range(n)]
        try:
            said = await asyncio.gather(*asked)
        except (UpstreamError, TimeoutError) as error:
            raise TrainingError(f"{self.name} gave no reply: {error or 'too slow'}") from None
        finally:
            # The loop ends with this batch, and its connections with it.
            await self.model.close()
        return [list(said[at * n : at * n + n]) for at in range(len(prompts))]

    async def _one(self, prompt: Prompt, seed: int) -> str:
        request = {
            "model": self.model_id,
            "messages": as_messages(prompt),
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "seed": seed,
        }
        reply = await self.model.chat(request, {})
        if reply.status != 200 or reply.body is None:
            raise UpstreamError("bad_response", f"it answered with status {reply.status}")
        try:
            text = orjson.loads(reply.body)["choices"][0]["message"]["content"]
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
            raise UpstreamError("bad_response", "its answer is no chat completion") from None
        if not isinstance(text, str):
            raise UpstreamError("bad_response", "its answer holds no text")
        return text
