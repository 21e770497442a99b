"""The shipped files: read, checked by length and hash, and never believed otherwise.

`recipes/detectors/FORMAT.md` describes them. Every file is hashed before anything is answered, and
again where it is loaded later. Nothing in them is executable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

SHIPPED = Path(__file__).parent / "weights"
_FORMAT = 1
CURE = "reinstall remit"


class WeightsError(Exception):
    """The weights are absent, changed or of another format; the message names file and cure."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the first stage hashes: byte n-grams and word k-grams; windows in bytes."""

    log2_buckets: int
    grams: tuple[int, ...]
    words: tuple[int, ...]
    window: int
    stride: int


@dataclass(frozen=True, slots=True)
class Head:
    """One question both stages answer: its column, and how its logits become a probability."""

    name: str
    column: int
    slope: float
    bias: float
    band: tuple[float, float]
    fuse_encoder: float
    fuse_linear: float
    fuse_bias: float
    thresholds: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Names:
    """The labels of the word-by-word output, and where a word is part of a name."""

    labels: tuple[str, ...]
    temperature: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the files hold."""

    folder: Path
    version: str
    files: Mapping[str, tuple[str, int]]
    shape: Shape
    width: int
    max_tokens: int
    overlap: int
    heads: Mapping[str, Head]
    names: Names

    def content(self, name: str) -> bytes:
        """A file's bytes, checked. Raises WeightsError."""
        path = self.folder / name
        if name not in self.files:
            raise WeightsError(f"the detectors' manifest names no {name}; {CURE}")
        digest, size = self.files[name]
        content = _bytes(path)
        if len(content) != size or hashlib.sha256(content).hexdigest() != digest:
            raise WeightsError(f"{path} is not the file that was shipped; {CURE}")
        return content

    def check(self) -> None:
        """Reads every file once. Raises WeightsError."""
        for name in self.files:
            self.content(name)


def manifest(folder: Path) -> Manifest:
    """Reads a folder's manifest. Raises WeightsError where it is absent or of another format."""
    path = folder / "manifest.json"
    try:
        value = orjson.loads(_bytes(path))
        if value["format"] != _FORMAT:
            raise WeightsError(f"{path} has format {value['format']}, not {_FORMAT}; {CURE}")
        return _manifest(folder, value)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is not a manifest ({error}); {CURE}") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror}); {CURE}") from None


def _manifest(folder: Path, value: dict[str, Any]) -> Manifest:
    linear, encoder, names = value["linear"], value["encoder"], value["names"]
    heads = [_head(column, head) for column, head in enumerate(value["heads"])]
    return Manifest(
        folder,
        str(value["version"]),
        {name: (str(file["sha256"]), int(file["bytes"])) for name, file in value["files"].items()},
        Shape(
            int(linear["log2_buckets"]),
            tuple(linear["grams"]),
            tuple(linear["words"]),
            int(linear["window"]),
            int(linear["stride"]),
        ),
        int(encoder["width"]),
        int(encoder["max_tokens"]),
        int(encoder["overlap"]),
        {head.name: head for head in heads},
        Names(tuple(names["labels"]), float(names["temperature"]), float(names["threshold"])),
    )


def _head(column: int, value: dict[str, Any]) -> Head:
    low, high = value["band"]
    fuse = value["fuse"]
    return Head(
        str(value["name"]),
        column,
        float(value["linear"]["slope"]),
        float(value["linear"]["bias"]),
        (float(low), float(high)),
        float(fuse["encoder"]),
        float(fuse["linear"]),
        float(fuse["bias"]),
        tuple((float(rate), float(limit)) for rate, limit in value["thresholds"].items()),
    )
