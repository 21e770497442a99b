"""Fine-tunes MiniLM on all heads and names at once.

Batches hold texts of like length, so that little is padding. Sentences and names alternate. Now and then the embedding
is pulled towards the published one, so that it still serves for `examples`. Word embeddings stay as published.
"""

from __future__ import annotations

import copy
import hashlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: `steps` of about `tokens` pieces each, or fewer where `minutes` end first."""

    steps: int = 2400
    minutes: float = 28.0
    tokens: int = 768
    longest: int = 96
    rate: float = 5e-5
    head_rate: float = 1e-3
    names_every: int = 4
    close_every: int = 6
    seed: int = 7


def published(folder: Path) -> tuple[Encoder, Tokenizer]:
    """The encoder with MiniLM's weights. Raises ValueError where they are not the published ones."""
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
        order = sorted(range(len(lengths)), key=lambda i: min(lengths[i], plan.longest) + rng.random() * 4)
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
    raw = F.binary_cross_entropy_with_logits(logits, wanted.clamp(min=0), pos_weight=weight, reduction="none")
    return (raw * known).sum() / known.sum().clamp(min=1.0) * known.sum(1).mean().clamp(max=6.0)


def train(encoder: Encoder, tokenizer: Tokenizer, rows: list[Row], names: list[Named], plan: Plan, keep: Path) -> None:
    """Trains in place and writes a checkpoint to `keep` every 100 steps."""
    rng = random.Random(plan.seed)
    torch.manual_seed(plan.seed)
    original = copy.deepcopy(encoder).eval()
    coded = [pieces(tokenizer, row.text) for row in rows]
    wanted = [targets(row) for row in rows]
    named = [pieces(tokenizer, row.text) for row in names]
    labels = [tags(row, own) for row, own in zip(names, named, strict=True)]
    weight = positive_weight(rows)
    optimiser = _optimiser(encoder, plan)
    rates = [group["lr"] for group in optimiser.param_groups]
    texts = batches([len(own.ids) for own in coded], plan, rng)
    spans = batches([len(own.ids) for own in named], plan, rng)
    encoder.train()
    begun, total = time.monotonic(), 0.0
    for step in range(plan.steps):
        done = max(step / plan.steps, (time.monotonic() - begun) / 60.0 / plan.minutes)
        if done >= 1.0:
            break
        scale = min(1.0, (step + 1) / 60) * (1.0 - done)
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * scale
        if step % plan.names_every == plan.names_every - 1:
            picked = next(spans)
            cuts = [_cut(len(named[i].ids), plan.longest, rng) for i in picked]
            inputs = _tensors([(named[i].ids[c], named[i].cases[c]) for i, c in zip(picked, cuts, strict=True)])
            aim = torch.full(inputs[0].shape, _IGNORE)
            for place, (i, c) in enumerate(zip(picked, cuts, strict=True)):
                own = labels[i][c]
                aim[place, 1 : len(own) + 1] = torch.tensor(own)
            loss = F.cross_entropy(encoder(*inputs)[2].flatten(0, 1), aim.flatten(), ignore_index=_IGNORE)
        else:
            picked = next(texts)
            cuts = [_cut(len(coded[i].ids), plan.longest, rng) for i in picked]
            inputs = _tensors([(coded[i].ids[c], coded[i].cases[c]) for i, c in zip(picked, cuts, strict=True)])
            pooled, logits, _ = encoder(*inputs)
            loss = head_loss(logits, torch.tensor([wanted[i] for i in picked]), weight)
            if step % plan.close_every == 0:
                with torch.no_grad():
                    before = original(*inputs)[0]
                loss = loss + 0.5 * (1.0 - (pooled * before).sum(1)).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        total = 0.98 * total + 0.02 * loss.item()
        if step % 10 == 9:
            print(f"{step + 1} {total / (1 - 0.98 ** (step + 1)):.3f} {time.monotonic() - begun:.0f}s", flush=True)
        if step % 100 == 99:
            save_file(encoder.state_dict(), keep)
    encoder.eval()
    save_file(encoder.state_dict(), keep)


def _optimiser(encoder: Encoder, plan: Plan) -> torch.optim.Optimizer:
    for part in (encoder.words, encoder.positions, encoder.norm, *encoder.layers[:FROZEN]):
        part.requires_grad_(False)
    fresh = [*encoder.heads.parameters(), *encoder.tokens.parameters(), *encoder.cases.parameters()]
    ids = {id(parameter) for parameter in fresh}
    body = [p for p in encoder.parameters() if p.requires_grad and id(p) not in ids]
    return torch.optim.AdamW(
        [{"params": body, "lr": plan.rate}, {"params": fresh, "lr": plan.head_rate}], weight_decay=0.01
    )
