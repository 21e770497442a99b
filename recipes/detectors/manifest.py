"""Writes `manifest.json` last, so that it names only files that are whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recipes.detectors.export import INPUTS, OUTPUTS
from recipes.detectors.hashing import Shape
from recipes.detectors.heads import LABELS

FILES = ("linear.safetensors", "encoder.onnx", "tokenizer.json", "calibration.json")
MAX_TOKENS, OVERLAP = 128, 32


def write_manifest(
    folder: Path,
    *,
    shape: Shape,
    width: int,
    heads: list[dict[str, Any]],
    names: Mapping[str, float],
    sources: list[dict[str, str]],
) -> None:
    """The manifest of the files in `folder`, as FORMAT.md describes it."""
    manifest = {
        "format": 1,
        "version": "2026.11",
        "files": {name: _entry(folder / name) for name in FILES},
        "linear": {
            "log2_buckets": shape.log2_buckets,
            "grams": list(shape.grams),
            "words": list(shape.words),
            "window": shape.window,
            "stride": shape.stride,
        },
        "encoder": {
            "width": width,
            "max_tokens": MAX_TOKENS,
            "overlap": OVERLAP,
            "inputs": list(INPUTS),
            "outputs": list(OUTPUTS),
        },
        "heads": heads,
        "names": {"labels": list(LABELS), **names},
        "sources": sources,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


def _entry(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
