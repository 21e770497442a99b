"""Log-probabilities of completions, and of nothing else.

Two things make it lean. Logits are computed only where a completion's token is predicted: for a
small model with a large vocabulary the output layer is most of the work. And a prompt that several
completions share is read once: they stand in one row, each blind to the others, with the positions
each would have alone. Both are proved on the model itself when it is loaded, and left where the
model (sliding windows, soft-capped logits) would answer otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from remit.layers.training.plain.encoding import Ids, Tree

# Logits computed at once; more are done in pieces and computed again for the gradient: 256 MB.
_LOGITS = 1 << 26
# Rows of shared prompts are square masks; beyond this they cost more than they save.
_SHARED_LENGTH = 2048
_CLOSE = 1e-3


@dataclass(frozen=True, slots=True)
class Scored:
    """`token_logps` [N] of all completions' tokens, `owner` [N] the completion each is of.

    Completions are numbered through all trees in order; `count` is how many there are. `entropy`
    [N] is the policy's at each token, in nats, where it was asked for.
    """

    token_logps: Tensor
    owner: Tensor
    count: int
    entropy: Tensor | None = None

    @property
    def sums(self) -> Tensor:
        """Log-probability of each whole completion [count]."""
        return self.added(self.token_logps)

    @property
    def lengths(self) -> Tensor:
        """Tokens of each completion [count]."""
        return self.added(torch.ones_like(self.token_logps))

    def added(self, values: Tensor) -> Tensor:
        """Values of tokens [N], added up for each completion [count]."""
        return values.new_zeros(self.count).index_add(0, self.owner, values)


@dataclass(frozen=True, slots=True)
class Rows:
    """Padded rows. `source` are flat positions whose next token is `target`, `owner` of which.

    `segment` [B, L] is -1 for padding, 0 for the prompt, then 1, 2, … for its completions; None
    where each row has one completion and plain causal attention is right.
    """

    ids: Tensor
    positions: Tensor
    segment: Tensor | None
    source: Tensor
    target: Tensor
    owner: Tensor
    count: int


@dataclass(frozen=True, slots=True)
class Reader:
    """A model with what was found out about it: see `reader`."""

    model: Any
    lean_head: bool
    shares: bool
    device: torch.device
    dtype: torch.dtype | None = None

    def score(
        self, trees: Sequence[Tree], *, temperature: float = 1.0, entropy: bool = False
    ) -> Scored:
        """Log-probabilities of all completions, under logits divided by `temperature`."""
        rows = laid_out(trees, share=self.shares and _worth(trees), device=self.device)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            hidden = self._hidden(rows)
            logps, spread = _logps(self, hidden, rows, temperature, entropy=entropy)
        return Scored(logps, rows.owner, rows.count, spread)

    def _hidden(self, rows: Rows) -> Tensor:
        mask = None if rows.segment is None else _mask(rows.segment)
        body = self.model.base_model if self.lean_head else self.model
        out = body(
            input_ids=rows.ids, attention_mask=mask, position_ids=rows.positions, use_cache=False
        )
        value: Tensor = out.last_hidden_state if self.lean_head else out.logits
        return value.flatten(0, 1).index_select(0, rows.source)

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits [N, V] of what `_hidden` gave."""
        value: Tensor = self.model.get_output_embeddings()(hidden) if self.lean_head else hidden
        return value.float()


def _logps(
    reader: Reader, hidden: Tensor, rows: Rows, temperature: float, *, entropy: bool
) -> tuple[Tensor, Tensor | None]:
    def piece(part: Tensor, target: Tensor) -> Tensor:
        logits = reader.logits(part)
        logits = logits if temperature == 1.0 else logits / temperature
        logps = -cross_entropy(logits, target, reduction="none")
        if not entropy:
            return logps[None]
        with torch.no_grad():
            log_all = logits.log_softmax(-1)
            spread = -(log_all.exp() * log_all).sum(-1)
        return torch.stack([logps, spread])

    size = max(1, _LOGITS // int(reader.model.config.get_text_config().vocab_size))
    if len(hidden) <= size:
        found = piece(hidden, rows.target)
    else:
        pairs = zip(hidden.split(size), rows.target.split(size), strict=True)
        found = torch.cat([checkpoint(piece, *pair, use_reentrant=False) for pair in pairs], dim=1)
    return found[0], found[1].detach() if entropy else None


def _worth(trees: Sequence[Tree]) -> bool:
    """True where reading shared prompts once saves more than the square masks cost."""
    rows = [len(t.prompt) + sum(map(len, t.completions)) for t in trees]
    alone = sum(tree.tokens for tree in trees)
    return max(rows) <= _SHARED_LENGTH and sum(rows) < 0.9 * alone


def laid_out(trees: Sequence[Tree], *, share: bool, device: torch.device) -> Rows:
    """Trees as padded rows: one a tree where prompts are shared, else one a completion."""
    if share:
        listed = [(tree.prompt, tree.completions) for tree in trees]
    else:
        listed = [(tree.prompt, (branch,)) for tree in trees for branch in tree.completions]
    length = max(len(prompt) + sum(map(len, branches)) for prompt, branches in listed)
    ids: list[list[int]] = []
    positions: list[list[int]] = []
    segments: list[list[int]] = []
    source: list[int] = []
    target: list[int] = []
    owner: list[int] = []
    count = 0
    for number, (prompt, branches) in enumerate(listed):
        row, place, segment = list(prompt), list(range(len(prompt))), [0] * len(prompt)
        for at, branch in enumerate(branches, 1):
            begin = number * length + len(row)
            source += [number * length + len(prompt) - 1, *range(begin, begin + len(branch) - 1)]
            target += branch
            owner += [count] * len(branch)
            row += branch
            place += range(len(prompt), len(prompt) + len(branch))
            segment += [at] * len(branch)
            count += 1
        spare = length - len(row)
        ids.append(row + [0] * spare)
        positions.append(place + [0] * spare)
        segments.append(segment + [-1] * spare)

    def tensor(values: list[Any]) -> Tensor:
        return torch.tensor(values, device=device)

    shared = tensor(segments) if share else None
    flat = (tensor(source), tensor(target), tensor(owner))
    return Rows(tensor(ids), tensor(positions), shared, *flat, count)


def _mask(segment: Tensor) -> Tensor:
    """Who sees whom [B, 1, L, L]: the past of one's own branch, and the prompt."""
    length = segment.shape[1]
    past = torch.ones(length, length, dtype=torch.bool, device=segment.device).tril()
    keys, queries = segment[:, None, :], segment[:, :, None]
    return (((keys == 0) | (keys == queries)) & past)[:, None]


def reader(model: Any, device: torch.device, dtype: torch.dtype | None = None) -> Reader:
    """A reader of this model, with each short cut that provably gives the model's own answer."""
    plain = Reader(model, lean_head=False, shares=False, device=device)
    probe = [Tree(_probe(model, 7, 5), (_probe(model, 3, 4), _probe(model, 11, 6)))]
    was = model.training
    model.eval()
    with torch.no_grad():
        truth = plain.score(probe).token_logps
        lean = _agrees(Reader(model, lean_head=True, shares=False, device=device), probe, truth)
        shared = Reader(model, lean_head=lean, shares=True, device=device)
        shares = _sees_all(model) and _agrees(shared, probe, truth)
    model.train(was)
    return Reader(model, lean, shares, device, dtype)


def _probe(model: Any, seed: int, length: int) -> Ids:
    size = int(model.config.get_text_config().vocab_size)
    return tuple((seed * 7919 + at * 104729) % size for at in range(length))


def _agrees(found: Reader, probe: Sequence[Tree], truth: Tensor) -> bool:
    try:
        logps = _forced(found, probe)
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return False  # a model that cannot be asked this way is asked the long way
    return bool(torch.allclose(logps, truth, atol=_CLOSE, rtol=_CLOSE))


def _forced(found: Reader, probe: Sequence[Tree]) -> Tensor:
    rows = laid_out(probe, share=found.shares, device=found.device)
    return _logps(found, found._hidden(rows), rows, 1.0, entropy=False)[0]  # noqa: SLF001


def _sees_all(model: Any) -> bool:
    """False for models whose attention has a window: a probe is too short to find it out."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    windowed = getattr(config, "sliding_window", None) and getattr(
        config, "use_sliding_window", True
    )
    return kinds == {"full_attention"} and not windowed
