"""A tiny set of files in the same format, with random weights, for the run-time's tests.

python -m recipes.detectors.sample FOLDER
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from recipes.detectors.export import write_int8, write_onnx
from recipes.detectors.hashing import Shape
from recipes.detectors.heads import HEADS, LABELS
from recipes.detectors.manifest import write_manifest
from recipes.detectors.network import Encoder, Size

_SHAPE = Shape(log2_buckets=10)
_WIDTH = 16


def main(folder: Path) -> None:
    """Writes the sample set into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(9)
    weight = rng.integers(-127, 128, (2**_SHAPE.log2_buckets, len(HEADS))).astype(np.int8)
    scale = np.full(len(HEADS), 0.02, np.float32)
    save_file({"weight": weight, "scale": scale}, folder / "linear.safetensors")
    tokenizer = _tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(7)
    size = Size(tokenizer.get_vocab_size(), _WIDTH, 1, 2, 32, 128)
    with tempfile.TemporaryDirectory() as scratch:
        write_onnx(Encoder(size, len(HEADS), len(LABELS)), Path(scratch) / "full.onnx")
        write_int8(Path(scratch) / "full.onnx", folder / "encoder.onnx")
    tail = [round(0.99 - 0.012 * i, 6) for i in range(60)]
    own = {"n": 1000, "highest": tail}
    calibration = {"heads": {head: dict(own) for head in HEADS}}
    (folder / "calibration.json").write_text(json.dumps(calibration), "utf-8")
    thresholds = {"0.001": 0.99, "0.005": 0.942, "0.01": 0.882, "0.02": 0.762, "0.05": 0.402}
    heads = [
        {
            "name": name,
            "linear": {"slope": 1.0, "bias": 0.0},
            "band": [0.2, 0.99],
            "fuse": {"encoder": 1.0, "linear": 0.5, "bias": 0.0},
            "thresholds": thresholds,
            "languages": ["en"],
        }
        for name in HEADS
    ]
    write_manifest(
        folder,
        shape=_SHAPE,
        width=_WIDTH,
        heads=heads,
        names={"temperature": 1.0, "threshold": 0.5},
        sources=[],
    )


def _tokenizer() -> Tokenizer:
    """Word pieces of one character, and a few words."""
    letters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *("##" + char for char in letters)]
    pieces += ["the", "you", "should", "law", "my", "is"]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
