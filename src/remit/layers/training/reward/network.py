"""Heads, the two kinds of body they stand on, and the loss. Imports torch: import it late."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from remit.layers.training.engine import Prompt, TrainingError
from remit.layers.training.plain import loading
from remit.layers.training.reward.features import FeatureMap, together


def bradley_terry(
    chosen: Tensor, rejected: Tensor, asked: Tensor, margin: Tensor, centre: float = 0.0
) -> Tensor:
    """The loss of `[pairs, heads]` rewards, each pair taught to the one head it was asked of.

    With m = `asked`, one-hot, and a `[pairs]` margin (H. Touvron et al., Llama 2 (2023), eq. 2;
    with none, L. Ouyang et al., InstructGPT (2022), eq. 1):

        L = -Σ m_ph log σ(r_h(chosen) - r_h(rejected) - margin_p) / Σ m
            + centre Σ m_ph (r_h(chosen) + r_h(rejected))² / Σ m

    The masked mean makes one pair weigh as much as another, whichever rule it speaks of; heads
    that a pair says nothing about get no gradient from it.
    """
    leads = chosen - rejected - margin[:, None]
    each = functional.softplus(-leads) + centre * (chosen + rejected) ** 2
    return (each * asked).sum() / asked.sum().clamp(min=1)


class Heads(nn.Module):  # type: ignore[misc]  # torch is not typed here
    """From a body's vector to one reward a head, straight or through one hidden layer."""

    def __init__(self, width: int, heads: int, hidden: int = 0) -> None:
        super().__init__()
        self.inner = nn.Linear(width, hidden) if hidden else None
        self.out = nn.Linear(hidden or width, heads)
        nn.init.normal_(self.out.weight, std=0.02)
        nn.init.zeros_(self.out.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """`[replies, width]` to `[replies, heads]`."""
        if self.inner is not None:
            vectors = functional.gelu(self.inner(vectors))
        rewards: Tensor = self.out(vectors)
        return rewards

    def squared(self) -> Tensor:
        """The squared length of all weights, biases apart."""
        total = (self.out.weight**2).sum()
        return total if self.inner is None else total + (self.inner.weight**2).sum()


class Body(Protocol):
    """What heads stand on."""

    @property
    def width(self) -> int:
        """How long a vector is."""

    @property
    def device(self) -> torch.device:
        """Where vectors are computed; heads and losses go there too."""

    def prepared(self, prompts: Sequence[Prompt], replies: Sequence[str]) -> list[Any]:
        """What is done once for each reply, before any epoch."""

    def vectors(self, prepared: Sequence[Any]) -> Tensor:
        """`[replies, width]`."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """What is trained; nothing for frozen features."""

    def teach(self, *, on: bool) -> None:
        """Turns dropout on or off."""


class FeatureBody:
    """Frozen numbers, each less its mean and divided by its spread over the training replies."""

    def __init__(self, maps: Sequence[FeatureMap], mean: Tensor, spread: Tensor) -> None:
        self.maps, self.mean, self.spread = tuple(maps), mean, spread

    @classmethod
    def fitted(
        cls, maps: Sequence[FeatureMap], prompts: Sequence[Prompt], replies: Sequence[str]
    ) -> FeatureBody:
        """With mean and spread of these replies."""
        numbers = torch.tensor(together(maps, prompts, replies), dtype=torch.float32)
        spread = numbers.std(0, unbiased=False)
        # What never varied tells nothing, and would explode on the first reply where it does.
        spread = torch.where(spread > 1e-6, spread, torch.full_like(spread, float("inf")))
        return cls(maps, numbers.mean(0), spread)

    @property
    def width(self) -> int:
        """How many numbers there are."""
        return len(self.mean)

    @property
    def device(self) -> torch.device:
        """The processor: so few numbers are not worth a way."""
        return torch.device("cpu")

    def prepared(self, prompts: Sequence[Prompt], replies: Sequence[str]) -> list[Any]:
        """The numbers, standardised."""
        if not replies:
            return []
        numbers = torch.tensor(together(self.maps, prompts, replies), dtype=torch.float32)
        if numbers.shape[1] != self.width:
            raise TrainingError(
                f"features give {numbers.shape[1]} numbers and the model was trained on "
                f"{self.width}; score with the same remit and release that trained it"
            )
        return list((numbers - self.mean) / self.spread)

    def vectors(self, prepared: Sequence[Any]) -> Tensor:
        """The numbers, a row a reply."""
        return torch.stack(list(prepared))

    def parameters(self) -> Iterable[nn.Parameter]:
        """None: features are frozen."""
        return ()

    def teach(self, *, on: bool) -> None:
        """Nothing to turn."""


class LanguageBody:
    """A language model from a local folder, trained with its heads.

    Only safetensors are read and no code that a folder brings is run. Of what is too long the
    prompt's beginning is left out, then the reply's end.
    """

    def __init__(self, folder: str | Path, pool: str, max_length: int) -> None:
        """Loads it. Raises TrainingError."""
        from transformers import AutoModel, AutoTokenizer

        try:
            self.model = AutoModel.from_pretrained(
                folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
            )
            self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            told = " ".join(str(error).split())[:300]
            raise TrainingError(f"{folder}: no model could be loaded: {told}") from error
        self.model.to(loading.device())
        # What is too long is cut here; the tokenizer need not warn of it.
        self.tokenizer.model_max_length = 10**9
        self.pool, self.max_length, self.folder = pool, max_length, str(folder)

    @property
    def width(self) -> int:
        """The model's hidden size."""
        return int(self.model.config.hidden_size)

    @property
    def device(self) -> torch.device:
        """A CUDA device where there is one."""
        found: torch.device = next(self.model.parameters()).device
        return found

    def prepared(self, prompts: Sequence[Prompt], replies: Sequence[str]) -> list[Any]:
        """Token ids of prompt and reply."""
        return [self._ids(p, r) for p, r in zip(prompts, replies, strict=True)]

    def _ids(self, prompt: Prompt, reply: str) -> list[int]:
        room = self.max_length - 3
        answer = self.tokenizer(reply, add_special_tokens=False)["input_ids"][
            : max(1, room * 3 // 4)
        ]
        asked = self.tokenizer(self._text(prompt), add_special_tokens=False)["input_ids"]
        asked = asked[max(0, len(asked) - (room - len(answer))) :]
        first, middle, last = self._marks()
        return [*first, *asked, *middle, *answer, *last]

    def _tokens(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _marks(self) -> tuple[list[int], list[int], list[int]]:
        """What stands before the prompt, between prompt and reply, and after both."""
        known = self.tokenizer
        if known.cls_token_id is not None and known.sep_token_id is not None:
            return [known.cls_token_id], [known.sep_token_id], [known.sep_token_id]
        first = [] if known.bos_token_id is None else [known.bos_token_id]
        return first, [], [] if known.eos_token_id is None else [known.eos_token_id]

    def _text(self, prompt: Prompt) -> str:
        if isinstance(prompt, str):
            return prompt
        if self.tokenizer.chat_template:
            return str(
                self.tokenizer.apply_chat_template(
                    list(prompt), tokenize=False, add_generation_prompt=True
                )
            )
        return "\n".join(f"{message['role']}: {message['content']}" for message in prompt)

    def vectors(self, prepared: Sequence[Any]) -> Tensor:
        """The pooled last hidden states."""
        longest = max(len(ids) for ids in prepared)
        padded = [[*each, *([0] * (longest - len(each)))] for each in prepared]
        seen = [[1] * len(each) + [0] * (longest - len(each)) for each in prepared]
        ids = torch.tensor(padded, device=self.device)
        mask = torch.tensor(seen, device=self.device)
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        last = states[torch.arange(len(prepared), device=self.device), mask.sum(1) - 1]
        mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        pooled: Tensor = last if self.pool == "last" else mean
        return pooled

    def parameters(self) -> Iterable[nn.Parameter]:
        """All of the model's."""
        found: Iterable[nn.Parameter] = self.model.parameters()
        return found

    def teach(self, *, on: bool) -> None:
        """Turns dropout on or off."""
        self.model.train(on)
