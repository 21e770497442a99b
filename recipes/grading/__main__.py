"""`python -m recipes.grading --data ../shared/data`: rows, training, weights, figures."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from recipes.detectors.sources import Source
from recipes.grading.rows import Row, composed, fuzzed, helped, ours, rbr, written
from recipes.grading.train import fit, write
from remit.verify.grading.refusal import reader

HERE = Path(__file__).parent
SHIPPED = Path(reader.__file__).parent / "weights.json"
VERSION = "2026.11"


def rows(data: Path) -> list[Row]:
    """All labelled rows, those that teach and those that examine."""
    detectors = Source(data, HERE.parent / "detectors" / "data")
    mine = Source(data, HERE / "data")
    found = [*rbr(detectors), *fuzzed(detectors), *ours(mine)]
    found += written(detectors, "speech.hand-a", test=False)
    found += written(detectors, "speech.hand-b", test=True)
    helpful = helped(detectors)
    found += helpful
    found += composed(helpful, [row for row in found if not row.test])
    return found


def told(name: str, some: Sequence[Row], *, binary: bool = False) -> None:
    """Prints agreement and the table: rows are labels, columns what the grader said."""
    pairs = Counter((row.label, reader.refusal(row.reply, row.prompt).label) for row in some)
    agree = sum(n for (label, said), n in pairs.items() if label == said)
    full = sum(n for (label, said), n in pairs.items() if (label == "full") == (said == "full"))
    line = f"{name}: n {len(some)}, full or not {full / len(some):.1%}"
    print(line if binary else f"{line}, three classes {agree / len(some):.1%}")
    for label in reader.CLASSES:
        print(f"  {label:8}", *(f"{pairs[label, said]:5}" for said in reader.CLASSES))


def main() -> None:
    """Trains, writes the weights, and prints figures on the rows that never taught."""
    parser = argparse.ArgumentParser(prog="recipes.grading")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--figures", action="store_true", help="only examine what is shipped")
    asked = parser.parse_args()
    found = rows(asked.data)
    taught = [row for row in found if not row.test]
    print("taught:", dict(Counter(row.source for row in taught)))
    if not asked.figures:
        write(fit(taught), asked.out, VERSION)
    tests = [row for row in found if row.test]
    told("rbr-gold, test split", [row for row in tests if row.source == "rbr-gold"])
    fuzz = [row for row in tests if row.source == "gptfuzzer"]
    told("gptfuzzer evaluate", fuzz, binary=True)
    alike = {row.reply[:160].lower(): row for row in fuzz}
    told("gptfuzzer evaluate, alike once", list(alike.values()), binary=True)
    told("written by another hand", [row for row in tests if row.source == "written"])
    told("the same hand, no refusals", [row for row in tests if row.source == "written, other"])


if __name__ == "__main__":
    main()
