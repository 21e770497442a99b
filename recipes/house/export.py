"""The folder that ships: weights in half precision, tokenizer, and where they came from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import orjson
from safetensors.numpy import load_file, save_file

_FILES = ("config.json", "tokenizer.json")


def export(folder: Path, out: Path, **origin: Any) -> int:
    """Writes the shipped form of a checkpoint; the bytes of all files.

    Half precision moves a score by about one part in a thousand, which changes no word in a
    thousand; it halves what is shipped.
    """
    out.mkdir(parents=True, exist_ok=True)
    tensors = load_file(folder / "model.safetensors")
    half = {name: value.astype("float16") for name, value in tensors.items()}
    save_file(half, out / "model.safetensors")
    (out / "model.safetensors").chmod(0o644)  # the library makes it readable for its owner alone
    for name in _FILES:
        (out / name).write_bytes((folder / name).read_bytes())
    files = {
        name: hashlib.sha256((out / name).read_bytes()).hexdigest()
        for name in (*_FILES, "model.safetensors")
    }
    parameters = sum(int(value.size) for value in tensors.values())
    card = {"format": 1, "files": files, "parameters": parameters, **origin}
    (out / "manifest.json").write_bytes(orjson.dumps(card, option=orjson.OPT_INDENT_2) + b"\n")
    return sum(path.stat().st_size for path in out.iterdir())


def slim(built: Path, out: Path, **origin: Any) -> int:
    """The ladder's folder with nothing else in it, weights in half precision; the bytes."""
    value = orjson.loads((built / "ladder.json").read_bytes())
    named = {}
    size = 0
    for key, folder in value["checkpoints"].items():
        named[key] = folder.removesuffix("/final")
        size += export(built / folder, out / named[key], stage=named[key], **origin)
    for name in ("exam.jsonl", "auditor.yaml"):
        (out / name).write_bytes((built / name).read_bytes())
        size += (out / name).stat().st_size
    (out / "ladder.json").write_bytes(orjson.dumps({"checkpoints": named}) + b"\n")
    return size
