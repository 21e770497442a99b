"""Rebuilds the learned detectors from the sources: one command, seeded.

    python -m recipes.detectors --data DATA --minilm FOLDER [--out FOLDER] [--docs FOLDER] [--minutes 28]

README.md says what to install and how long it takes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file

from recipes.detectors import encoder as encoding
from recipes.detectors import export, figures, linear, manifest, report
from recipes.detectors.calibrate import tail
from recipes.detectors.data import ATTACK_INPUT, Row, held_back, rows
from recipes.detectors.hashing import Shape
from recipes.detectors.heads import HEADS
from recipes.detectors.infer import Asker
from recipes.detectors.names import Named, named
from recipes.detectors.provenance import sources
from recipes.detectors.scores import calibrations, judge, ordinary
from recipes.detectors.sources import Source

_HERE = Path(__file__).parent
_WEIGHTS = _HERE.parents[1] / "src" / "remit" / "detectors" / "learned" / "weights"
_DOCS = _HERE.parents[1] / "docs" / "detectors"
_LANGUAGES = ["en", "nl", "de", "fr"]
# Catches more than 0.5 does, for little: a name let through costs more than a word masked.
_NAME_THRESHOLD = 0.4


def main() -> None:
    """Reads the arguments and does everything."""
    parser = argparse.ArgumentParser(prog="python -m recipes.detectors")
    parser.add_argument("--data", type=Path, required=True, help="the folder of public sources")
    parser.add_argument("--minilm", type=Path, required=True, help="the folder with MiniLM's files")
    parser.add_argument("--out", type=Path, default=_WEIGHTS)
    parser.add_argument("--docs", type=Path, default=_DOCS)
    parser.add_argument("--steps", type=int, default=encoding.Plan.steps)
    parser.add_argument("--minutes", type=float, default=encoding.Plan.minutes)
    parser.add_argument("--linear", type=Path, help="a first stage to use instead of training")
    parser.add_argument("--encoder", type=Path, help="a checkpoint to use instead of training")
    asked = parser.parse_args()
    source = Source(asked.data, _HERE / "data")
    texts, names = rows(source), named(source)
    taught = [row for row in texts if row.split == "train" and not held_back(row)]
    asked.out.mkdir(parents=True, exist_ok=True)
    shape = Shape()
    first = linear.Linear.open(asked.linear, shape) if asked.linear else linear.train(taught, shape)
    first.save(asked.out / "linear.safetensors")
    plan = encoding.Plan(steps=asked.steps, minutes=asked.minutes)
    _encoder(asked.minilm, asked.encoder, asked.out, taught, names, plan)
    _finish(texts, names, first, asked.out, asked.docs)


def _encoder(
    minilm: Path, checkpoint: Path | None, out: Path, taught: list[Row], names: list[Named], plan: encoding.Plan
) -> None:
    model, tokenizer = encoding.published(minilm)
    tokenizer.save(str(out / "tokenizer.json"))
    with tempfile.TemporaryDirectory() as scratch:
        if checkpoint is not None:
            model.load_state_dict(load_file(checkpoint))
        else:
            learn = [row for row in names if row.split == "train"]
            encoding.train(model, tokenizer, taught, learn, plan, Path(scratch) / "kept.safetensors")
        full = Path(scratch) / "full.onnx"
        export.write_onnx(model, full)
        export.write_int8(full, out / "encoder.onnx")


def _finish(texts: list[Row], names: list[Named], first: linear.Linear, out: Path, docs: Path) -> None:
    """Calibrates, writes calibration and manifest, then the figures."""
    asker = Asker.open(out, threads=torch.get_num_threads())
    scored = judge(texts, first, asker)
    fitted = calibrations(scored)
    calm = {head: ordinary(scored, head, fitted[head]) for head in HEADS}
    count = min(len(own.scores) for own in calm.values())
    tails = {head: tail(own.scores[:count]) for head, own in calm.items()}
    (out / "calibration.json").write_text(json.dumps({"n": count, "heads": tails}), "utf-8")
    heads = [
        {
            "name": head,
            "linear": {"slope": own.slope, "bias": own.bias},
            "band": [own.low, own.high],
            "fuse": {"encoder": own.fuse_encoder, "linear": own.fuse_linear, "bias": own.fuse_bias},
            "thresholds": calm[head].thresholds,
            "languages": _LANGUAGES,
        }
        for head, own in fitted.items()
    ]
    heads.sort(key=lambda entry: HEADS.index(entry["name"]))
    manifest.write_manifest(
        out,
        shape=first.shape,
        width=384,
        heads=heads,
        names={"temperature": 1.0, "threshold": _NAME_THRESHOLD},
        sources=sources(),
    )
    examined = [row for row in names if row.split == "test"]
    found = {
        "heads": figures.all_heads(scored, fitted, calm),
        "attack_any_input": figures.together(scored, ATTACK_INPUT, fitted, calm, "0.005"),
        "harm_any": figures.together(scored, ("harm.any",), fitted, calm, "0.01"),
        "names": figures.of_names(asker, examined, _NAME_THRESHOLD),
        "calibrations": {head: asdict(own) for head, own in fitted.items()},
    }
    report.write(found, docs)


if __name__ == "__main__":
    main()
