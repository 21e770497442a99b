"""Fine-tunes MiniLM on all heads and names at once.

Batches hold texts of like length, so that little is padding. Sentences and names alternate. Now
and then the embedding is pulled towards the published one, so that it still serves for `examples`.
"""

from __future__ import annotations

import copy
import hashlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own idiom

from recipes.detectors.data import Row
from recipes.detectors.heads import HEADS, INDEX, LABELS
from recipes.detectors.names import Named
from recipes.detectors.network import FROZEN, Encoder, Size, adopt
from recipes.detectors.pieces import Pieces, batch, pieces

_PUBLISHED = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_UNKNOWN = -1.0
_IGNORE = -100
_WARM = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: `steps` of about `tokens` pieces each, or fewer where `minutes` end first."""

    steps: int = 3800
    minutes: float = 45.0
    tokens: int = 768
    longest: int = 96
    rate: float = 5e-5
    head_rate: float = 1e-3
    names_every: int = 4
    close_every: int = 6
    seed: int = 7


def published(folder: Path) -> tuple[Encoder, Tokenizer]:
    """The encoder with MiniLM's weights. Raises ValueError where they are not those."""
    file = folder / "model.safetensors"
    if hashlib.sha256(file.read_bytes()).hexdigest() != _PUBLISHED:
        raise ValueError(f"{file}: not the published all-MiniLM-L6-v2; install it afresh")
    encoder = Encoder(Size(), len(HEADS), len(LABELS))
    adopt(encoder, load_file(file))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return encoder, tokenizer


def targets(row: Row) -> list[float]:
    """One target per head: 1, 0, or -1 where the row says nothing."""
    wanted = [_UNKNOWN] * len(HEADS)
    for head, value in row.labels.items():
        wanted[INDEX[head]] = float(value)
    return wanted


def tags(named: Named, coded: Pieces) -> list[int]:
    """One label per piece (an index into LABELS)."""
    found = [0] * len(coded.ids)
    for start, end, kind in named.spans:
        inside = [i for i, (s, e) in enumerate(coded.offsets) if s < end and e > start]
        for place, i in enumerate(inside):
            found[i] = LABELS.index(("I-" if place else "B-") + kind)
    return found


def _cut(length: int, longest: int, rng: random.Random) -> slice:
    if length <= longest:
        return slice(0, length)
    start = rng.choice((0, rng.randrange(length - longest + 1)))
    return slice(start, start + longest)


def batches(lengths: list[int], plan: Plan, rng: random.Random) -> Iterator[list[int]]:
    """Indices of texts of like length, about `tokens` pieces a batch, for ever."""
    while True:
        order = sorted(
            range(len(lengths)), key=lambda i: min(lengths[i], plan.longest) + rng.random() * 4
        )
        groups: list[list[int]] = [[]]
        for i in order:
            if (len(groups[-1]) + 1) * (min(lengths[i], plan.longest) + 2) > plan.tokens:
                groups.append([])
            groups[-1].append(i)
        rng.shuffle(groups)
        yield from groups


def _tensors(parts: list[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor, Tensor]:
    ids, mask, cases = batch(parts)
    return torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(cases)


def positive_weight(rows: list[Row]) -> Tensor:
    """Per head the square root of negatives over positives, between 1 and 6."""
    wanted = np.array([targets(row) for row in rows])
    yes, no = (wanted == 1).sum(0), (wanted == 0).sum(0)
    return torch.tensor(np.clip(np.sqrt(no / np.maximum(yes, 1)), 1.0, 6.0), dtype=torch.float32)


def head_loss(logits: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy over the known targets, heads counted by the root of how many know."""
    known = (wanted >= 0).float()
    raw = F.binary_cross_entropy_with_logits(
        logits, wanted.clamp(min=0), pos_weight=weight, reduction="none"
    )
    return (raw * known).sum() / known.sum().clamp(min=1.0) * known.sum(1).mean().clamp(max=6.0)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A batch: its inputs, and what is wanted per head or (names) per piece."""

    inputs: tuple[Tensor, Tensor, Tensor]
    wanted: Tensor
    names: bool


def lessons(
    tokenizer: Tokenizer, rows: list[Row], names: list[Named], plan: Plan, rng: random.Random
) -> Iterator[Lesson]:
    """Batches for ever: sentences, and every `names_every`th of names.

    Hand-written lines come twice as often: they are few, and what they teach nothing else does.
    """
    rows = [*rows, *(row for row in rows if ".hand-" in row.source)]
    coded = [pieces(tokenizer, row.text) for row in rows]
    wanted = [targets(row) for row in rows]
    named = [pieces(tokenizer, row.text) for row in names]
    labels = [tags(row, own) for row, own in zip(names, named, strict=True)]
    texts = batches([len(own.ids) for own in coded], plan, rng)
    spans = batches([len(own.ids) for own in named], plan, rng)
    for step in count():
        if step % plan.names_every < plan.names_every - 1:
            picked = next(texts)
            inputs, _ = _inputs(coded, picked, plan, rng)
            yield Lesson(inputs, torch.tensor([wanted[i] for i in picked]), names=False)
            continue
        picked = next(spans)
        inputs, cuts = _inputs(named, picked, plan, rng)
        aim = torch.full(inputs[0].shape, _IGNORE)
        for place, (i, cut) in enumerate(zip(picked, cuts, strict=True)):
            own = labels[i][cut]
            aim[place, 1 : len(own) + 1] = torch.tensor(own)
        yield Lesson(inputs, aim, names=True)


def _inputs(
    coded: list[Pieces], picked: list[int], plan: Plan, rng: random.Random
) -> tuple[tuple[Tensor, Tensor, Tensor], list[slice]]:
    cuts = [_cut(len(coded[i].ids), plan.longest, rng) for i in picked]
    both = list(zip(picked, cuts, strict=True))
    return _tensors([(coded[i].ids[cut], coded[i].cases[cut]) for i, cut in both]), cuts


def train(
    encoder: Encoder, given: Iterator[Lesson], weight: Tensor, plan: Plan, keep: Path
) -> None:
    """Trains in place; `weight` is per head. Writes a checkpoint to `keep` every 100 steps."""
    original = copy.deepcopy(encoder).eval()
    optimiser = _optimiser(encoder, plan)
    rates = [group["lr"] for group in optimiser.param_groups]
    encoder.train()
    begun, total = time.monotonic(), 0.0
    for step in range(plan.steps):
        done = max(step / plan.steps, (time.monotonic() - begun) / 60.0 / plan.minutes)
        if done >= 1.0:
            break
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, (step + 1) / _WARM) * (1.0 - done)
        close = original if step % plan.close_every == 0 else None
        loss = lesson_loss(encoder, next(given), weight, close)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        total = 0.98 * total + 0.02 * loss.item()
        if step % 100 == 99:
            mean = total / (1 - 0.98 ** (step + 1))
            print(f"{step + 1} {mean:.3f} {time.monotonic() - begun:.0f}s", flush=True)
            save_file(encoder.state_dict(), keep)
    encoder.eval()
    save_file(encoder.state_dict(), keep)


def lesson_loss(
    encoder: Encoder, lesson: Lesson, weight: Tensor, close: Encoder | None = None
) -> Tensor:
    """The loss of a batch, with a pull towards the embeddings of `close` where it is given."""
    pooled, logits, tokens = encoder(*lesson.inputs)
    if lesson.names:
        return F.cross_entropy(tokens.flatten(0, 1), lesson.wanted.flatten(), ignore_index=_IGNORE)
    loss = head_loss(logits, lesson.wanted, weight)
    if close is not None:
        with torch.no_grad():
            before = close(*lesson.inputs)[0]
        loss = loss + 0.5 * (1.0 - (pooled * before).sum(1)).mean()
    return loss


def _optimiser(encoder: Encoder, plan: Plan) -> torch.optim.Optimizer:
    for part in (encoder.words, encoder.positions, encoder.norm, *encoder.layers[:FROZEN]):
        part.requires_grad_(requires_grad=False)
    fresh = [*encoder.heads.parameters(), *encoder.tokens.parameters(), *encoder.cases.parameters()]
    ids = {id(parameter) for parameter in fresh}
    body = [p for p in encoder.parameters() if p.requires_grad and id(p) not in ids]
    return torch.optim.AdamW(
        [{"params": body, "lr": plan.rate}, {"params": fresh, "lr": plan.head_rate}],
        weight_decay=0.01,
    )
