"""Rebuilds the learned detectors from the sources: one command, seeded.

    python -m recipes.detectors --data DATA --minilm FOLDER [--out FOLDER] [--docs FOLDER]

README.md says what to install and how long it takes.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file

from recipes.detectors import encoder as encoding
from recipes.detectors import export, figures, linear, manifest, report
from recipes.detectors.calibrate import Calibration, tail
from recipes.detectors.data import ATTACK_INPUT, Row, held_back, rows
from recipes.detectors.hashing import Shape
from recipes.detectors.heads import HEADS
from recipes.detectors.infer import Asker
from recipes.detectors.names import Named, named
from recipes.detectors.provenance import sources
from recipes.detectors.scores import Ordinary, Scored, calibrations, judge, ordinary
from recipes.detectors.sources import Source

_HERE = Path(__file__).parent
_WEIGHTS = _HERE.parents[1] / "src" / "remit" / "detectors" / "learned" / "weights"
_DOCS = _HERE.parents[1] / "docs" / "detectors"
_LANGUAGES = ["en", "nl", "de", "fr"]
# Above it, the `van` in a name and names in lower case go; below it, more of a record is marked.
_NAME_THRESHOLD = 0.5


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
    int8 = _encoder(asked.minilm, asked.encoder, asked.out, taught, names, plan)
    _finish(texts, names, first, asked.out, asked.docs, int8)


def _encoder(
    minilm: Path,
    checkpoint: Path | None,
    out: Path,
    taught: list[Row],
    names: list[Named],
    plan: encoding.Plan,
) -> str:
    """Trains, exports, quantises; says how near int8 stays to float32."""
    model, tokenizer = encoding.published(minilm)
    tokenizer.save(str(out / "tokenizer.json"))
    with tempfile.TemporaryDirectory() as scratch:
        if checkpoint is not None:
            model.load_state_dict(load_file(checkpoint))
        else:
            learn = [row for row in names if row.split == "train"]
            torch.manual_seed(plan.seed)
            given = encoding.lessons(tokenizer, taught, learn, plan, random.Random(plan.seed))
            keep = Path(scratch) / "kept.safetensors"
            encoding.train(model, given, encoding.positive_weight(taught), plan, keep)
        full = Path(scratch) / "full.onnx"
        export.write_onnx(model, full)
        export.write_int8(full, out / "encoder.onnx")
        tokenizer.save(str(Path(scratch) / "tokenizer.json"))
        asker = Asker.open(Path(scratch), graph=full.name)
        texts = [row.text for row in taught[:200]]
        return figures.agreement(asker, Asker.open(out), texts)


def _finish(
    texts: list[Row], names: list[Named], first: linear.Linear, out: Path, docs: Path, int8: str
) -> None:
    asker = Asker.open(out, threads=torch.get_num_threads())
    calm, fitted = _calibrate(scored := judge(texts, first, asker), first, out)
    examined = [row for row in names if row.split == "test"]
    found = {
        "int8": int8,
        "heads": figures.all_heads(scored, fitted, calm),
        "attack_any_input": figures.together(scored, ATTACK_INPUT, fitted, calm, "0.005"),
        "harm_any": figures.together(scored, ("harm.any",), fitted, calm, "0.01"),
        "names": figures.of_names(asker, examined, _NAME_THRESHOLD),
        "calibrations": {head: asdict(own) for head, own in fitted.items()},
    }
    report.write(found, docs)


def _calibrate(
    scored: Scored, first: linear.Linear, out: Path
) -> tuple[dict[str, Ordinary], dict[str, Calibration]]:
    """Fits, and writes calibration.json and, last of all, the manifest."""
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
    return calm, fitted


if __name__ == "__main__":
    main()
