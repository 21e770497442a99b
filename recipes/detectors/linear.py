"""The first stage: one weight per hashed n-gram and head, trained with Adam, kept as int8.

A text's logit is the greatest of its windows', in training too (multiple-instance learning), so
that an attack in the middle of a long document teaches the window it stands in.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from recipes.detectors.data import Row
from recipes.detectors.encoder import positive_weight, targets
from recipes.detectors.hashing import Shape, features, fold, windows
from recipes.detectors.heads import HEADS

Floats = npt.NDArray[np.float32]
NOTHING = -30.0
_MOST_WINDOWS = 8


@dataclass(frozen=True, slots=True)
class Linear:
    """int8 weights [buckets, heads] and a scale per head."""

    weight: npt.NDArray[np.int8]
    scale: Floats
    shape: Shape

    def logits(self, text: str) -> Floats:
        """The text's logit per head: the greatest of its windows'."""
        best = np.full(len(self.scale), NOTHING, np.float32)
        for bag in bags(text, self.shape):
            total = self.weight[bag].sum(0, dtype=np.int32) * self.scale
            best = np.maximum(best, (total / np.sqrt(np.float32(len(bag)))).astype(np.float32))
        return best

    @classmethod
    def open(cls, path: Path, shape: Shape) -> Linear:
        """Reads `linear.safetensors`."""
        tensors = load_file(path)
        return cls(tensors["weight"], tensors["scale"], shape)

    def save(self, path: Path) -> None:
        """Writes `linear.safetensors`."""
        save_file({"weight": self.weight, "scale": self.scale}, path)
        path.chmod(0o644)  # safetensors writes for its owner alone


def bags(text: str, shape: Shape) -> list[npt.NDArray[np.int64]]:
    """The buckets of each window that has any feature."""
    folded = fold(text)
    buckets, places = features(folded, shape)
    found = buckets.astype(np.int64)
    cut = windows(len(folded), shape)
    parts = [found[(places >= start) & (places < end)] for start, end in cut]
    return [part for part in parts if len(part)]


class _Table(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(2**shape.log2_buckets, len(HEADS), mode="sum")
        nn.init.zeros_(self.bag.weight)
        self.bias = nn.Parameter(torch.full((len(HEADS),), -2.0))

    def forward(
        self, flat: Tensor, starts: Tensor, roots: Tensor, owner: Tensor, count: int
    ) -> Tensor:
        each = self.bag(flat, starts) / roots[:, None]
        place = owner[:, None].expand_as(each)
        none = torch.full((count, each.shape[1]), NOTHING)
        return none.scatter_reduce(0, place, each, "amax", include_self=True) + self.bias


def _batch(texts: list[list[npt.NDArray[np.int64]]]) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
    parts = [part for text in texts for part in text]
    owner = [place for place, text in enumerate(texts) for _ in text]
    sizes = np.array([len(part) for part in parts])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return (
        torch.from_numpy(np.concatenate(parts)),
        torch.from_numpy(starts),
        torch.from_numpy(np.sqrt(sizes).astype(np.float32)),
        torch.tensor(owner),
        len(texts),
    )


def train(rows: list[Row], shape: Shape, taught: Floats, epochs: int = 3, seed: int = 7) -> Linear:
    """Trains on the rows' labels and on what the encoder says of them, and quantises. Seeded.

    `taught`: the encoder's logits `[rows, heads]`, for every head, also where no label is known
    (distillation: Hinton et al. 2015): so the first stage learns what leaves the encoder calm.
    """
    rng = random.Random(seed)
    torch.manual_seed(seed)
    coded = [bags(row.text, shape)[:_MOST_WINDOWS] for row in rows]
    usable = [i for i, text in enumerate(coded) if text]
    wanted = torch.tensor([targets(row) for row in rows])
    soft = torch.sigmoid(torch.from_numpy(taught))
    weight = positive_weight(rows)
    table = _Table(shape)
    optimiser = torch.optim.Adam(table.parameters(), lr=0.01)
    size = 256
    for epoch in range(epochs):
        rng.shuffle(usable)
        for group in optimiser.param_groups:
            group["lr"] = 0.01 * (1.0 - epoch / epochs)
        for start in range(0, len(usable), size):
            picked = usable[start : start + size]
            logits = table(*_batch([coded[i] for i in picked]))
            aim = wanted[picked]
            known = (aim >= 0).float()
            raw = F.binary_cross_entropy_with_logits(
                logits, aim.clamp(min=0), pos_weight=weight, reduction="none"
            )
            copied = F.binary_cross_entropy_with_logits(logits, soft[picked], reduction="none")
            loss = (raw * known).sum(1).mean() + copied.sum(1).mean()
            loss = loss + 1e-6 * table.bag.weight.square().sum() / size
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        print(f"linear {epoch + 1}/{epochs} {loss.item():.3f}", flush=True)
    return quantise(table.bag.weight.detach().numpy(), shape)


def quantise(weight: Floats, shape: Shape) -> Linear:
    """int8 with one scale per head; the few weights beyond the 99.99th percentile are clipped."""
    top = np.maximum(np.quantile(np.abs(weight), 0.9999, axis=0), 1e-6)
    scale = (top / 127.0).astype(np.float32)
    return Linear(np.clip(np.round(weight / scale), -127, 127).astype(np.int8), scale, shape)
