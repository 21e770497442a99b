"""The encoder as a torch module: MiniLM's BERT, heads over its pooled states, a head per piece.

Devlin et al. 2019 (BERT), Wang et al. 2020 (MiniLM). Three things differ from the published model:
the case of each piece is added half way (the vocabulary has none), heads read the mean *and*
the maximum over the pieces (an attack is often a few words in a long text), and names have their
own head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

CASES = 3
# The lowest layers, which hold form more than meaning, stay as published: a third less work.
FROZEN = 3


@dataclass(frozen=True, slots=True)
class Size:
    """Dimensions; the defaults are all-MiniLM-L6-v2's."""

    vocabulary: int = 30522
    width: int = 384
    layers: int = 6
    attention_heads: int = 12
    inner: int = 1536
    positions: int = 512


class Layer(nn.Module):
    """One transformer layer, normalised after each half."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.count = size.attention_heads
        self.query = nn.Linear(size.width, size.width)
        self.key = nn.Linear(size.width, size.width)
        self.value = nn.Linear(size.width, size.width)
        self.out = nn.Linear(size.width, size.width)
        self.norm = nn.LayerNorm(size.width, eps=1e-12)
        self.up = nn.Linear(size.width, size.inner)
        self.down = nn.Linear(size.inner, size.width)
        self.norm2 = nn.LayerNorm(size.width, eps=1e-12)

    def _split(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.count, width // self.count).transpose(1, 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (self._split(part(x)) for part in (self.query, self.key, self.value))
        weights = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + mask, dim=-1)
        mixed = (weights @ v).transpose(1, 2).flatten(2)
        x = self.norm(x + F.dropout(self.out(mixed), 0.1, self.training))
        inner = self.down(F.gelu(self.up(x)))
        return self.norm2(x + F.dropout(inner, 0.1, self.training))


class Encoder(nn.Module):
    """Pieces in; pooled [batch, width], heads [batch, heads], tokens [batch, length, labels]."""

    def __init__(self, size: Size, heads: int, labels: int) -> None:
        super().__init__()
        self.words = nn.Embedding(size.vocabulary, size.width)
        self.positions = nn.Embedding(size.positions, size.width)
        self.register_buffer("every", torch.zeros(size.width))
        self.cases = nn.Embedding(CASES, size.width)
        nn.init.zeros_(self.cases.weight)
        self.norm = nn.LayerNorm(size.width, eps=1e-12)
        self.layers = nn.ModuleList(Layer(size) for _ in range(size.layers))
        self.heads = nn.Linear(2 * size.width, heads)
        self.tokens = nn.Linear(size.width, labels)

    def forward(self, ids: Tensor, mask: Tensor, cases: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        at = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.positions(at) + self.every)
        shown = mask.to(x.dtype)
        hidden = ((1.0 - shown) * -1e9)[:, None, None, :]
        for depth, layer in enumerate(self.layers):
            if depth == min(FROZEN, len(self.layers) - 1):
                x = x + self.cases(cases)
            x = layer(x, hidden)
        mean = (x * shown[:, :, None]).sum(1) / shown.sum(1, keepdim=True).clamp(min=1.0)
        highest = (x + ((1.0 - shown) * -1e9)[:, :, None]).amax(1)
        both = F.dropout(torch.cat([mean, highest], dim=1), 0.1, self.training)
        return F.normalize(mean, dim=1), self.heads(both), self.tokens(x)


_OWN_NAME = (
    ("embeddings.word_embeddings", "words"),
    ("embeddings.position_embeddings", "positions"),
    ("embeddings.token_type_embeddings", "cases"),
    ("embeddings.LayerNorm", "norm"),
    ("encoder.layer", "layers"),
    ("attention.self.", ""),
    ("attention.output.dense", "out"),
    ("attention.output.LayerNorm", "norm"),
    ("intermediate.dense", "up"),
    ("output.dense", "down"),
    ("output.LayerNorm", "norm2"),
)


def adopt(encoder: Encoder, published: dict[str, Tensor]) -> None:
    """Loads the published weights. Every case begins as nothing added."""
    own: dict[str, Tensor] = {}
    for key, tensor in published.items():
        name = key
        for theirs, ours in _OWN_NAME:
            name = name.replace(theirs, ours)
        if not name.startswith("pooler") and not name.endswith("position_ids"):
            own[name] = tensor
    own["every"] = own.pop("cases.weight")[0]
    missing, unexpected = encoder.load_state_dict(own, strict=False)
    if unexpected or {name.split(".")[0] for name in missing} != {"heads", "tokens", "cases"}:
        raise ValueError(f"published weights do not fit: missing {missing}, unknown {unexpected}")
