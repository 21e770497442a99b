"""Sampling from a model: batched, with a key-value cache, the same text whatever the batches are.

Every completion draws from its own numbers, fixed by the seed and its place. So two models asked
with one seed are compared under the same chance, and what is in a batch beside it, or how far the
others are, does not change an answer. Imports torch; import it where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from remit.layers.training.engine import Prompt, Sampled
from remit.layers.training.plain import loading
from remit.layers.training.plain.encoding import Encoder, Ids

_BATCH = 128
_LONGEST_PROMPT = 1 << 20


def sample(
    folder: Path | str,
    prompts: Sequence[Prompt],
    *,
    n: int = 1,
    temperature: float = 1.0,
    max_tokens: int = 128,
    seed: int = 0,
) -> list[list[Sampled]]:
    """`n` completions for each prompt, by the model in a folder; temperature 0 takes the likeliest.

    Raises TrainingError where the folder holds no model.
    """
    model, tokenizer = loading.load(folder)
    at = loading.device()
    encoder = Encoder(tokenizer, _LONGEST_PROMPT)
    sampler = Sampler(model.to(at), encoder.end, temperature, max_tokens)
    drawn = sampler.sample([encoder.prompt(prompt) for prompt in prompts], n, seed)
    return [
        [Sampled(encoder.text(d.tokens), d.logprob, d.tokens, d.tokens[-1:] == (encoder.end,))
         for d in group]
        for group in drawn
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """Sampled tokens, the end token included where it came, and their log-probability in nats."""

    tokens: Ids
    logprob: float


@dataclass(frozen=True, slots=True)
class Sampler:
    """A model that is sampled from: it is left in the mode (training or not) that it was in."""

    model: Any
    end: int
    temperature: float
    max_tokens: int
    batch: int = _BATCH

    def sample(self, prompts: Sequence[Ids], n: int, seed: int) -> list[list[Drawn]]:
        """`n` completions a prompt, in order."""
        noise = torch.Generator().manual_seed(seed)
        chance = torch.rand(len(prompts) * n, self.max_tokens, generator=noise)
        found: list[list[Drawn]] = [[] for _ in prompts]
        # Prompts of like length together: the padding between them would be read at every step.
        order = sorted(range(len(prompts)), key=lambda at: len(prompts[at]))
        asked = [(at, at * n + copy) for at in order for copy in range(n)]
        was = self.model.training
        self.model.eval()
        with torch.inference_mode():
            for begin in range(0, len(asked), self.batch):
                some = asked[begin : begin + self.batch]
                rows = [row for _, row in some]
                drawn = self._batch([prompts[at] for at, _ in some], chance[rows])
                for (at, _), one in zip(some, drawn, strict=True):
                    found[at].append(one)
        self.model.train(was)
        return found

    def _batch(self, prompts: Sequence[Ids], chance: Tensor) -> list[Drawn]:
        state = _Decoding(self.model, prompts)
        chance = chance.to(state.device)
        tokens: list[list[int]] = [[] for _ in prompts]
        logprobs = [0.0] * len(prompts)
        alive = list(range(len(prompts)))
        for step in range(self.max_tokens):
            picked, logps = self._pick(state.logits, chance[alive, step])
            chosen = picked.tolist()
            for row, token, logp in zip(alive, chosen, logps.tolist(), strict=True):
                tokens[row].append(token)
                logprobs[row] += logp
            going = [at for at, token in enumerate(chosen) if token != self.end]
            if not going or step + 1 == self.max_tokens:
                break
            if len(going) < len(alive):
                state.keep(going)
                picked, alive = picked[going], [alive[at] for at in going]
            state.advance(picked)
        return [Drawn(tuple(t), lp) for t, lp in zip(tokens, logprobs, strict=True)]

    def _pick(self, logits: Tensor, chance: Tensor) -> tuple[Tensor, Tensor]:
        logps = logits.log_softmax(-1)
        if self.temperature == 0:
            picked = logits.argmax(-1)
        else:
            # The inverse of the cumulative distribution: one uniform number decides a token.
            share = (logits / self.temperature).softmax(-1).cumsum(-1)
            at = (chance[:, None] * share[:, -1:]).contiguous()
            picked = torch.searchsorted(share, at, right=True)[:, 0].clamp(max=share.shape[1] - 1)
        return picked, logps.gather(1, picked[:, None])[:, 0]


class _Decoding:
    """A batch of prompts being continued: cache, positions and mask, prompts padded on the left."""

    def __init__(self, model: Any, prompts: Sequence[Ids]) -> None:
        longest = max(map(len, prompts))
        self.model = model
        self.device = next(model.parameters()).device
        padded = [[0] * (longest - len(p)) + list(p) for p in prompts]
        seen = [[0] * (longest - len(p)) + [1] * len(p) for p in prompts]
        self.mask = torch.tensor(seen, device=self.device)
        # A padded position is masked; it only needs some place that exists.
        self.positions = (self.mask.cumsum(-1) - 1).clamp(min=0)
        self._cache: Any = None
        self._read(torch.tensor(padded, device=self.device))

    def keep(self, rows: Sequence[int]) -> None:
        """Goes on with these rows of the batch only."""
        index = torch.tensor(rows, device=self.device)
        self.mask, self.positions = self.mask[index], self.positions[index]
        self._cache.batch_select_indices(index)

    def advance(self, tokens: Tensor) -> None:
        """Reads one more token for each row."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], dim=1)
        self.positions = self.positions[:, -1:] + 1
        self._read(tokens[:, None])

    def _read(self, ids: Tensor) -> None:
        out = self.model(
            input_ids=ids,
            attention_mask=self.mask,
            position_ids=self.positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache = out.past_key_values
        self.logits = out.logits[:, -1].float()
