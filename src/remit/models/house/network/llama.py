"""A Llama's forward pass in numpy, for one conversation, with its keys and values kept.

RMSNorm (Zhang and Sennrich 2019), rotary positions (Su et al. 2021) in the half-split order of
Hugging Face's weights, SwiGLU (Shazeer 2020), tied embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from remit.models.house.network.files import Array, Shape, WeightsError, read_shape, read_tensors


class _Get(Protocol):
    def __call__(self, name: str, *sides: int) -> Array: ...


@dataclass(frozen=True, slots=True)
class Layer:
    """One block, its matrices joined where they read the same input: fewer, larger products."""

    before: Array  # [width]
    queries_keys_values: Array  # [width, 3 width]
    out: Array  # [width, width]
    after: Array  # [width]
    gate_up: Array  # [width, 2 inner]
    down: Array  # [inner, width]


@dataclass(slots=True)
class Cache:
    """Keys and values of what was read so far: [layers, heads, context, width of a head]."""

    keys: Array
    values: Array
    length: int = 0


class Llama:
    """A model that reads tokens and tells the scores of the next one."""

    def __init__(self, shape: Shape, tensors: Mapping[str, Array]) -> None:
        """Raises WeightsError where a tensor is absent or of another shape."""
        self.shape = shape
        width, inner = shape.width, shape.inner

        def get(name: str, *sides: int) -> Array:
            found = tensors.get(f"model.{name}")
            if found is None or found.shape != sides:
                has = "absent" if found is None else f"of shape {found.shape}"
                raise WeightsError(f"tensor model.{name} is {has}; have {sides}")
            return found

        self._embedding = get("embed_tokens.weight", shape.vocabulary, width)
        self._head = np.ascontiguousarray(self._embedding.T)
        self._norm = get("norm.weight", width)
        self._layers = tuple(
            _layer(lambda name, *sides, at=at: get(f"layers.{at}.{name}", *sides), width, inner)
            for at in range(shape.layers)
        )
        self._cos, self._sin = _rotation(shape)

    @classmethod
    def load(cls, folder: Path) -> Llama:
        """The model of a folder. Raises WeightsError."""
        return cls(read_shape(folder), read_tensors(folder / "model.safetensors"))

    def cache(self) -> Cache:
        """An empty memory."""
        shape = self.shape
        sides = (shape.layers, shape.heads, shape.context, shape.width // shape.heads)
        return Cache(np.zeros(sides, np.float32), np.zeros(sides, np.float32))

    def read(self, ids: Sequence[int], cache: Cache) -> Array:
        """Reads tokens after those in the cache; the scores [vocabulary] of what comes next.

        Raises ValueError where there are none, or more than the context holds.
        """
        begin, end = cache.length, cache.length + len(ids)
        if not ids or end > self.shape.context:
            most = self.shape.context
            raise ValueError(f"{len(ids)} tokens after {begin}; the context holds {most}")
        hidden = self._embedding[np.asarray(ids)]
        cos, sin = self._cos[begin:end], self._sin[begin:end]
        for at, layer in enumerate(self._layers):
            seen = _normed(hidden, layer.before, self.shape.epsilon) @ layer.queries_keys_values
            hidden = hidden + self._attended(seen, cos, sin, cache, at) @ layer.out
            both = _normed(hidden, layer.after, self.shape.epsilon) @ layer.gate_up
            gate, up = both[:, : self.shape.inner], both[:, self.shape.inner :]
            hidden = hidden + (gate / (1 + np.exp(-gate)) * up) @ layer.down
        cache.length = end
        scores: Array = (_normed(hidden[-1:], self._norm, self.shape.epsilon) @ self._head)[0]
        return scores

    def _attended(self, seen: Array, cos: Array, sin: Array, cache: Cache, at: int) -> Array:
        count, heads = len(seen), self.shape.heads
        begin, end = cache.length, cache.length + count
        # [3, heads, count, width of a head]
        queries, keys, values = seen.reshape(count, 3, heads, -1).transpose(1, 2, 0, 3)
        cache.keys[at, :, begin:end] = _turned(keys, cos, sin)
        cache.values[at, :, begin:end] = values
        scores = _turned(queries, cos, sin) @ cache.keys[at, :, :end].transpose(0, 2, 1)
        scores *= np.float32(queries.shape[-1] ** -0.5)
        if count > 1:
            later = np.arange(end)[None, :] > np.arange(begin, end)[:, None]
            scores[:, later] = -np.inf
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = scores @ cache.values[at, :, :end]
        joined: Array = mixed.transpose(1, 0, 2).reshape(count, -1)
        return joined


def _layer(get: _Get, width: int, inner: int) -> Layer:
    projections = [get(f"self_attn.{name}_proj.weight", width, width) for name in "qkv"]
    both = [get(f"mlp.{name}_proj.weight", inner, width) for name in ("gate", "up")]
    return Layer(
        get("input_layernorm.weight", width),
        np.ascontiguousarray(np.concatenate(projections).T),
        np.ascontiguousarray(get("self_attn.o_proj.weight", width, width).T),
        get("post_attention_layernorm.weight", width),
        np.ascontiguousarray(np.concatenate(both).T),
        np.ascontiguousarray(get("mlp.down_proj.weight", width, inner).T),
    )


def _rotation(shape: Shape) -> tuple[Array, Array]:
    half = shape.width // shape.heads // 2
    speeds = shape.theta ** (-np.arange(half) / half)
    angles = np.outer(np.arange(shape.context), np.concatenate([speeds, speeds]))
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _turned(values: Array, cos: Array, sin: Array) -> Array:
    half = values.shape[-1] // 2
    other: Array = np.concatenate([-values[..., half:], values[..., :half]], axis=-1)
    turned: Array = values * cos + other * sin
    return turned


def _normed(values: Array, weight: Array, epsilon: float) -> Array:
    square = np.mean(values * values, axis=-1, keepdims=True)
    scale: Array = np.sqrt(square + np.float32(epsilon), dtype=np.float32)
    normed: Array = values / scale * weight
    return normed
