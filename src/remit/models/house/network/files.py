"""Weights from a folder: the safetensors layout, read with every length and offset checked.

Format: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

Array = NDArray[np.float32]

MOST_BYTES = 64 << 20
"""Of a file; the shipped one has 16 MB at most."""
_MOST_HEADER = 1 << 20
_TYPES: Mapping[str, Any] = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}
_MOST = {"width": 4096, "layers": 64, "heads": 64, "inner": 16_384, "vocabulary": 1 << 17}
_CURE = "rebuild it with python -m recipes.house, or reinstall remit"


class WeightsError(ValueError):
    """A folder holds no model that can be run; the message names the file and the cure."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama's shape: `context` is in tokens, `ends` are the tokens that end a reply."""

    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    context: int
    epsilon: float
    theta: float
    ends: tuple[int, ...]


def read_shape(folder: Path) -> Shape:
    """The shape that config.json tells. Raises WeightsError."""
    path = folder / "config.json"
    try:
        value = orjson.loads(_bytes(path, _MOST_HEADER))
        rope = value.get("rope_parameters") or value
        ends = value.get("eos_token_id")
        shape = Shape(
            int(value["hidden_size"]),
            int(value["num_hidden_layers"]),
            int(value["num_attention_heads"]),
            int(value["intermediate_size"]),
            int(value["vocab_size"]),
            int(value["max_position_embeddings"]),
            float(value.get("rms_norm_eps", 1e-6)),
            float(rope.get("rope_theta", 10_000.0)),
            tuple(map(int, ends if isinstance(ends, list) else [] if ends is None else [ends])),
        )
        kind, keys = value.get("model_type"), value.get("num_key_value_heads")
        tied = value.get("tie_word_embeddings", False)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"{path} describes no model ({error}); {_CURE}") from None
    if kind != "llama" or not tied or keys not in (None, shape.heads):
        raise WeightsError(f"{path}: have a llama with tied embeddings, as recipes.house builds")
    _check(shape, path)
    return shape


def _check(shape: Shape, path: Path) -> None:
    for name, most in _MOST.items():
        if not 1 <= getattr(shape, name) <= most:
            raise WeightsError(f"{path}: {name} is {getattr(shape, name)}; have 1 to {most}")
    if shape.width % (2 * shape.heads) or not 8 <= shape.context <= 1 << 15:
        raise WeightsError(f"{path}: width, heads and context do not fit together; {_CURE}")
    if not (0 < shape.epsilon < 1 and 1 < shape.theta < 1e9):
        raise WeightsError(f"{path}: rms_norm_eps or rope_theta is out of range; {_CURE}")


def read_tensors(path: Path) -> dict[str, Array]:
    """The tensors of a safetensors file, as float32. Raises WeightsError."""
    content = _bytes(path, MOST_BYTES)
    try:
        (size,) = struct.unpack_from("<Q", content)
        if size > min(_MOST_HEADER, len(content) - 8):
            raise ValueError(f"a header of {size} bytes")
        header = orjson.loads(content[8 : 8 + size])
        body = memoryview(content)[8 + size :]
        header.pop("__metadata__", None)
        return {str(name): _tensor(entry, body) for name, entry in header.items()}
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} is no safetensors file ({error}); {_CURE}") from None


def _tensor(entry: Mapping[str, Any], body: memoryview) -> Array:
    kind = _TYPES[entry["dtype"]]
    begin, end = (int(at) for at in entry["data_offsets"])
    shape = tuple(int(side) for side in entry["shape"])
    if any(side < 0 for side in shape) or not 0 <= begin <= end <= len(body):
        raise ValueError("an offset outside the file")
    if end - begin != prod(shape) * kind.itemsize:
        raise ValueError("a tensor whose shape and size differ")
    values = np.frombuffer(body[begin:end], dtype=kind).reshape(shape).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("a weight that is no number")
    return values


def _bytes(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}); {_CURE}") from None
    if len(content) > most:
        raise WeightsError(f"{path} is larger than {most:,} bytes; {_CURE}")
    return content
