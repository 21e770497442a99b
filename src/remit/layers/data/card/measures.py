"""The merged sketch of a run on the disk, chained into the ledger with the rules as they were.

`sample.jsonl` holds the sampled rows, a reference a line; `measures.json` all counts, and what a
reader must know of the remit, so that the card can be made again without it.
"""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from remit import __version__
from remit.layers.data.card.sketch import Sketch
from remit.layers.data.plan import Job, Plan, surveys
from remit.layers.data.sources import Found
from remit.layers.data.writing import Fresh, whole
from remit.policy import Rule
from remit.types import Json, Stage

MEASURES = "measures.json"
SAMPLE = "sample.jsonl"
INPUTS = "inputs.json"
_EXAMPLES = 3


def line(job: Job, sketch: Sketch) -> Json:
    """Writes the files; answers their line in the ledger."""
    told = sketch.to_json()
    sample = Fresh(Path(job.folder), SAMPLE)
    for item in told.pop("sample"):
        sample.write(orjson.dumps(item, option=orjson.OPT_APPEND_NEWLINE))
    measures = Fresh(Path(job.folder), MEASURES)
    marked = told.pop("steps")
    measures.write(
        orjson.dumps(
            {"format": 1, **_about(job.plan), **told, "marked": marked},
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        )
    )
    written = {"measures": measures.commit(), "sample": sample.commit()}
    return {
        "kind": "measures",
        "files": {name: file.to_json() for name, file in written.items() if file},
    }


def sampled(folder: Path) -> list[Json]:
    """The references of a run's sample; none where nothing was sampled."""
    path = folder / SAMPLE
    if not path.exists():
        return []
    with path.open("rb") as file:
        return [orjson.loads(line) for line in file]


def note_inputs(job: Job, found: Found) -> None:
    """Notes where the sources lie, seen from the run's folder: so both can be moved together.

    It is no part of the ledger, which does not name the machine.
    """
    first = found.sources[0]
    base = first.path.removesuffix(first.name) or os.sep
    path = Path(job.folder, INPUTS)
    told = os.path.relpath(os.path.realpath(base), os.path.realpath(job.folder))
    whole(path, orjson.dumps({"base": told}, option=orjson.OPT_APPEND_NEWLINE))


def _about(plan: Plan) -> Json:
    policy = plan.policy
    rules = [_rule(rule) for rule in policy.rules if Stage.DATA in rule.then]
    quality = [*plan.quality, *(["language"] if plan.languages else [])]
    steps = [{"id": name, "kind": "quality"} for name in dict.fromkeys(quality)]
    if plan.decontaminate:
        steps.append({"id": "contamination", "kind": "contamination"})
    for survey in surveys(plan):
        kind = "triggers" if survey.name == "triggers" else "duplicates"
        steps.append({"id": survey.name, "kind": kind})
    return {
        "remit": __version__,
        "organisation": policy.organisation,
        "owner": plan.owner,
        "rules": rules,
        "steps": steps,
    }


def _rule(rule: Rule) -> Json:
    return {
        "id": rule.id,
        "says": rule.says,
        "because": rule.because,
        "owner": rule.owner,
        "severity": rule.severity,
        "asks": rule.then[Stage.DATA],
        "threshold": rule.threshold,
        "wrongly": rule.wrongly,
        "breaks": [example.text for example in rule.breaks[:_EXAMPLES]],
        "keeps": [example.text for example in rule.keeps[:_EXAMPLES]],
    }
