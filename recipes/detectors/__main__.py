"""Rebuilds the learned detectors from the sources: one command, seeded.

    python -m recipes.detectors --data DATA --minilm FOLDER [--out FOLDER] [--docs FOLDER]

The hands that examine teach nothing, so the figures speak of the very files that ship. README.md
says what to install and how long it takes.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from recipes.detectors import beside, export, figures, linear, manifest, report, trials
from recipes.detectors import encoder as encoding
from recipes.detectors.asking import TYPICAL
from recipes.detectors.calibrate import Calibration, tail
from recipes.detectors.data import Row, held_back, rows
from recipes.detectors.hashing import Shape
from recipes.detectors.heads import HEADS, INDEX
from recipes.detectors.infer import Asker
from recipes.detectors.names import Named, named
from recipes.detectors.network import Encoder
from recipes.detectors.provenance import sources
from recipes.detectors.scores import Ordinary, Scored, calibrations, judge, ordinary
from recipes.detectors.sources import Source

_HERE = Path(__file__).parent
_WEIGHTS = _HERE.parents[1] / "src" / "remit" / "detectors" / "learned" / "weights"
_DOCS = _HERE.parents[1] / "docs" / "detectors"
_LANGUAGES = ["en", "nl", "de", "fr"]
# A name missed is shown to everyone; a word masked too many is a nuisance.
_NAME_THRESHOLD = 0.25
_TYPICAL_HEADS = ("attack.any", "harm.any", *(h for h in HEADS if h.endswith(".asked")))


def main() -> None:
    """Reads the arguments and does everything."""
    parser = argparse.ArgumentParser(prog="python -m recipes.detectors")
    parser.add_argument("--data", type=Path, required=True, help="the folder of public sources")
    parser.add_argument("--minilm", type=Path, required=True, help="the folder with MiniLM's files")
    parser.add_argument("--out", type=Path, default=_WEIGHTS)
    parser.add_argument("--docs", type=Path, default=_DOCS)
    parser.add_argument("--steps", type=int, default=encoding.Plan.steps)
    parser.add_argument("--minutes", type=float, default=encoding.Plan.minutes)
    parser.add_argument(
        "--encoder", type=Path, help="a checkpoint instead of the encoder's training"
    )
    parser.add_argument("--linear", type=Path, help="a first stage instead of its training")
    asked = parser.parse_args()
    source = Source(asked.data, _HERE / "data")
    texts, names = rows(source), named(source)
    model, tokenizer = encoding.published(asked.minilm)
    plan = encoding.Plan(steps=asked.steps, minutes=asked.minutes)
    _taught(model, tokenizer, texts, names, plan, asked.encoder)
    built = build(model, tokenizer, texts, asked.out, asked.linear)
    report.write(examined(built, names, source), asked.docs)


def _taught(
    model: Encoder,
    tokenizer: Tokenizer,
    texts: list[Row],
    names: list[Named],
    plan: encoding.Plan,
    checkpoint: Path | None,
) -> None:
    """Trains the model in place, or takes what an earlier training left."""
    if checkpoint is not None:
        model.load_state_dict(load_file(checkpoint))
        return
    taught = teaching(texts)
    learn = [row for row in names if row.split == "train"]
    torch.manual_seed(plan.seed)
    given = encoding.lessons(tokenizer, taught, learn, plan, random.Random(plan.seed))
    with tempfile.TemporaryDirectory() as scratch:
        keep = Path(scratch) / "kept.safetensors"
        encoding.train(model, given, encoding.positive_weight(taught), plan, keep)


def teaching(texts: list[Row]) -> list[Row]:
    """The rows that teach: no row that fits slopes or examines."""
    return [row for row in texts if row.split == "train" and not held_back(row)]


@dataclass(frozen=True, slots=True)
class Built:
    """What lies in a folder, and what its files say of every row that taught nothing."""

    folder: Path
    asker: Asker
    scored: Scored
    fitted: dict[str, Calibration]
    calm: dict[str, Ordinary]
    int8: str


def build(
    model: Encoder, tokenizer: Tokenizer, texts: list[Row], out: Path, linear_file: Path | None
) -> Built:
    """Writes all files into `out`: the encoder, the first stage it teaches, the thresholds."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    int8 = _exported(model, tokenizer, out, [row.text for row in teaching(texts)[:200]])
    asker = Asker.open(out, threads=torch.get_num_threads())
    first = linear.Linear.open(linear_file, Shape()) if linear_file else _first(texts, asker)
    first.save(out / "linear.safetensors")
    scored = judge(texts, first, asker)
    fitted = calibrations(scored)
    calm = {head: ordinary(scored, head, fitted[head]) for head in HEADS}
    _write(out, first.shape, fitted, calm)
    return Built(out, asker, scored, fitted, calm, int8)


def _first(texts: list[Row], asker: Asker) -> linear.Linear:
    lessons = [*teaching(texts), *(row for row in texts if row.split == "unlabelled")]
    return linear.train(lessons, Shape(), asker.heads([row.text for row in lessons]))


def _exported(model: Encoder, tokenizer: Tokenizer, out: Path, texts: list[str]) -> str:
    """Exports and quantises; says how near int8 stays to float32."""
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / "full.onnx"
        export.write_onnx(model, full)
        export.write_int8(full, out / "encoder.onnx")
        tokenizer.save(str(Path(scratch) / "tokenizer.json"))
        whole = Asker.open(Path(scratch), graph=full.name)
        return figures.agreement(whole, Asker.open(out), texts)


def _write(
    out: Path, shape: Shape, fitted: dict[str, Calibration], calm: dict[str, Ordinary]
) -> None:
    """calibration.json and, last of all, the manifest."""
    tails = {
        head: {"n": len(calm[head].scores), "highest": tail(calm[head].scores)} for head in HEADS
    }
    (out / "calibration.json").write_text(json.dumps({"heads": tails}), "utf-8")
    heads = [
        {
            "name": head,
            "linear": {"slope": own.slope, "bias": own.bias},
            "band": [own.low, own.high],
            "fuse": {"encoder": own.fuse_encoder, "linear": own.fuse_linear, "bias": own.fuse_bias},
            "thresholds": calm[head].thresholds,
            "languages": _LANGUAGES,
        }
        for head, own in ((head, fitted[head]) for head in HEADS)
    ]
    manifest.write_manifest(
        out,
        shape=shape,
        width=384,
        heads=heads,
        names={"temperature": 1.0, "threshold": _NAME_THRESHOLD},
        sources=sources(),
    )


def examined(built: Built, names: list[Named], source: Source) -> dict[str, Any]:
    """All figures."""
    parts = (built.scored, built.fitted, built.calm)
    return {
        "int8": built.int8,
        "heads": figures.all_heads(*parts),
        "attack_any_input": figures.together(built.scored, ("attack.any",), *parts[1:], "0.01"),
        "indirect": figures.together(built.scored, ("attack.indirect",), *parts[1:], "0.01"),
        "harm_any": figures.together(built.scored, ("harm.any",), *parts[1:], "0.01"),
        "names": figures.of_names(built.asker, _test(names), _NAME_THRESHOLD),
        "beside": beside.compared(source, beside.remit(built.folder)),
        "obfuscated": trials.obfuscated(built.scored.rows, built.folder),
        "hate": trials.hate(source, built.folder),
        "cost": trials.cost(built.scored.rows, built.folder) | {"encoder_asked": _asked(built)},
        "typical": [f"{kind}: {part}" for kind, part in TYPICAL],
        "calibrations": {head: asdict(own) for head, own in built.fitted.items()},
    }


def _asked(built: Built) -> dict[str, Any]:
    """The share of ordinary messages of clients that the usual questions ask the encoder about."""
    rows = built.scored.rows
    at = [i for i, row in enumerate(rows) if row.split == "quiet" and row.side == "user"]
    users = np.array(at)
    asks = np.zeros(len(users), bool)
    for head in _TYPICAL_HEADS:
        asks |= built.fitted[head].asks(built.scored.linear[users, INDEX[head]])
    return figures.rate(int(asks.sum()), len(asks))


def _test(names: list[Named]) -> list[Named]:
    return [row for row in names if row.split == "test"]


if __name__ == "__main__":
    main()
