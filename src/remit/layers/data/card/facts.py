"""The card as facts: the ledger, the measures, the sample and the labels joined; `card.json`.

Nothing in it tells the time or the machine, so the same run and labels give the same bytes.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from remit.layers.data import ledger
from remit.layers.data.accounts import OUTCOMES
from remit.layers.data.bounds import CONFIDENCE
from remit.layers.data.card.labels import NAME, Count, Label, counted, read, within
from remit.layers.data.card.measures import MEASURES, sampled
from remit.layers.data.card.sketch import Seen
from remit.statistics.intervals import clopper_pearson, upper_bound
from remit.types import Json

_MOST_FILES = 1_000
_REFERRED = 5


@dataclass(slots=True)
class _Run:
    """What a ledger says, gathered in one pass; lists are cut where they would be very long."""

    start: Json = field(default_factory=dict)
    totals: Json = field(default_factory=dict)
    sources: list[Json] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)
    damaged: list[Json] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)


def facts(folder: str | Path) -> Json:
    """All that the card says. Raises LedgerError or LabelFileError."""
    folder = Path(folder)
    run = _run(folder)
    measures = orjson.loads(_bytes(folder / MEASURES))
    sample = sampled(folder)
    labels = read(folder / NAME)
    totals = run.totals
    return {
        "format": 1,
        "remit": measures["remit"],
        "organisation": measures["organisation"],
        "owner": measures["owner"],
        "policy": run.start["policy"],
        "plan": run.start["plan"],
        "command": _command(run.start["plan"]),
        "ledger_head": ledger.head(folder),
        "identity": _identity(totals),
        "totals": totals,
        "sources": run.sources,
        "source_count": run.count["source"],
        "passed_over": run.start["passed_over"][:_MOST_FILES],
        "damaged": run.damaged,
        "languages": measures["languages"],
        "lengths": {"before": measures["before"], "after": measures["after"]},
        "steps": list(_steps(measures, totals, sample, labels)),
        "quarantine": totals["quarantine"],
        "files": run.files,
        "file_count": run.count["file"],
        "labels": {"lines": len(labels), "raters": len({label.rater for label in labels})},
    }


def _run(folder: Path) -> _Run:
    run = _Run()
    part_of: Counter[str] = Counter()
    for value in ledger.read(folder):
        kind = value["kind"]
        if kind == "start":
            run.start = value
        elif kind == "end":
            run.totals = value["totals"]
        elif kind == "source":
            run.count["source"] += 1
            told = {name: value[name] for name in ("name", "format", "packing", "size", "sha256")}
            _some(run.sources, {**told, "rows": {o: part_of[o] for o in OUTCOMES}})
            part_of.clear()
        else:
            part_of.update(value.get("rows", {}))
            if "damage" in value:
                _some(run.damaged, {"source": value["source"], **value["damage"]})
            for file in value["files"].values():
                run.count["file"] += 1
                _some(run.files, file)
    if not run.totals:
        raise ledger.LedgerError(f"{folder}: the ledger is cut off; run the filter again")
    return run


def _some(held: list[Json], one: Json) -> None:
    if len(held) < _MOST_FILES:
        held.append(one)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ledger.LedgerError(
            f"{path} is missing: this run was made without a card; run the filter again"
        ) from None


def _identity(totals: Json) -> Json:
    """Law 5: rows in = kept + changed + dropped + quarantined; of bytes, blank lines too."""
    rows = {name: totals["rows"][name] for name in OUTCOMES if name != "blank"}
    return {
        "rows": {"in": totals["rows_in"], **rows},
        "bytes": {"in": totals["bytes_in"], **totals["bytes"]},
        "holds": totals["rows_in"] == sum(rows.values())
        and totals["bytes_in"] == sum(totals["bytes"].values()),
    }


def _command(plan: Mapping[str, object]) -> str:
    """The command with all that decides the outcome; workers and folders do not."""
    told: Json = dict(plan)
    words = ["remit", "filter", "REMIT", "INPUT…", "--out", "DIR"]
    for option, names in (
        ("quality", told["quality"]),
        ("language", told["languages"]),
        ("dedup", told["dedup"]),
        ("control-tokens", told["prefix"]),
    ):
        words += [f"--{option}", ",".join(names)] if names else []
    if told["decontaminate"]:
        words += ["--decontaminate", *(file["name"] for file in told["decontaminate"])]
    words += ["--triggers"] if told["triggers"] else []
    words += ["--labels", told["labels"]["name"]] if told["labels"] else []
    for name, role in told["columns"].items():
        words += ["--column", f"{name}={role}"]
    words += ["--samples", str(told["samples"])]
    return " ".join(word if word == "INPUT…" else shlex.quote(word) for word in words)


# --- Steps ---------------------------------------------------------------------------------------


def _steps(
    measures: Json, totals: Json, sample: Sequence[Json], labels: Sequence[Label]
) -> Iterator[Json]:
    """The remit's rules first, then the other steps, then whatever else marked a row."""
    about = [{"kind": "rule", **rule} for rule in measures["rules"]]
    about += [{"owner": measures["owner"], **step} for step in measures["steps"]]
    known = {step["id"] for step in about}
    others = sorted(measures["marked"].keys() - known)
    about += [{"id": step, "kind": "other", "owner": measures["owner"]} for step in others]
    nothing = Seen().to_json()
    for step in about:
        name = step["id"]
        mine = [item for item in sample if item["step"] == name]
        yield {
            **step,
            "rows": totals["steps"].get(name, {}),
            **measures["marked"].get(name, nothing),
            "offered": [cell for cell in measures["offered"] if cell[1] == name],
            "labels": _bounds(name, mine, labels),
            "references": [_reference(item) for item in within(mine, "found", name)][:_REFERRED],
        }


def _bounds(step: str, sample: Sequence[Json], labels: Sequence[Label]) -> Json:
    mine = [label for label in labels if label.rule == step]
    found = {kind: list(within(sample, kind, step)) for kind in ("found", "near")}
    told: Json = {kind: _bound(counted(items, mine)) for kind, items in found.items()}
    languages = sorted({item["language"] for item in sample if "language" in item["drawn"]})
    told["by_language"] = {
        language: {
            kind: _bound(counted(_of_language(sample, kind, language), mine))
            for kind in ("found", "near")
        }
        for language in languages
    }
    return told


def _of_language(sample: Sequence[Json], kind: str, language: str) -> Iterator[Json]:
    for item in sample:
        drawn = "language" in item["drawn"]
        if item["sample"] == kind and item["language"] == language and drawn:
            yield item


def _bound(count: Count) -> Json:
    """Counts, and what they say of the share of wrong ones.

    A row on which people cannot tell or differ counts as right in the lower bound and as wrong in
    the upper one. `most` is the one-sided bound that decides whether a rule may drop.
    """
    told: Json = {
        "sampled": count.of,
        "labelled": count.labelled,
        "right": count.right,
        "wrong": count.wrong,
        "open": count.open,
    }
    if count.labelled:
        doubtful = count.wrong + count.open
        low = clopper_pearson(count.wrong, count.labelled, CONFIDENCE).low
        high = clopper_pearson(doubtful, count.labelled, CONFIDENCE).high
        told["interval"] = [round(low, 6), round(high, 6)]
        told["most"] = round(upper_bound(doubtful, count.labelled, CONFIDENCE), 6)
    return told


def _reference(item: Json) -> Json:
    return {name: item[name] for name in ("source", "row", "sha256", "language", "outcome")}
