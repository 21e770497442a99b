"""Whose model it is, and what it learnt from."""

from __future__ import annotations

from collections.abc import Iterator

from remit.report import words
from remit.report.document import Block, Cell, Gap, Heading, Section, Task, Text
from remit.report.files import FilterRun
from remit.report.gather import Gathered
from remit.report.sections.base import NOBODY, hashed, owner_of, reviewer_of, section, table
from remit.types import Stage


def provider(gathered: Gathered) -> Section:
    """Whose models answered."""
    return section("provider", "Provider file", "Whose model is it?", _provider(gathered))


def _provider(gathered: Gathered) -> Iterator[Block]:
    models = sorted(gathered.observed.models.items(), key=lambda item: (item[1].first, item[0]))
    if models:
        yield table(
            ("model", "where", "answers", "first", "last"),
            [
                (
                    words.plain(model, 80) or "unnamed",
                    words.plain(up, 80) or "not recorded",
                    f"{used.answers:,}",
                    words.day(used.first),
                    words.day(used.last),
                )
                for (model, up), used in models
            ],
        )
    else:
        yield Gap("No model is in the record.", "record answers: serve with --evidence")
    served = sorted(
        {
            words.plain(name, 80)
            for v in gathered.verifications
            for t in v.value["targets"]
            for name in (t.get("served_by") or {})
        }
    )
    if served:
        yield Text(f"In verifications the provider said that it served: {', '.join(served)}.")
    names = {model for (model, _), _ in models}
    if served and not names & set(served):
        yield Gap(
            "None of the models in operation is named in a verification.",
            "verify the very model that answers clients",
        )
    yield Task(
        owner_of(gathered),
        "The contract and its terms, the processing agreement (Article 28 GDPR) and "
        "sub-processors, where data goes, whether it is trained on, and how a new version of the "
        "model is announced.",
    )


def training(gathered: Gathered) -> Section:
    """Filter cards, and that there is no training card."""
    asks = "What did the model learn from?"
    return section("training", "Training data and training", asks, _training(gathered))


def _training(gathered: Gathered) -> Iterator[Block]:
    for run in gathered.data:
        yield from _card(gathered, run)
    rules = gathered.policy.rules
    asked = [rule.id for rule in rules if rule.action(Stage.DATA)]
    if asked and not gathered.data:
        yield Gap(
            f"{words.count(len(asked), 'rule asks', 'rules ask')} something of training data, and "
            "no filter run was given.",
            "give the folder of `remit filter --out` with --data, where a model is trained",
        )
    if any(rule.action(Stage.TRAINING) for rule in rules):
        yield Gap(
            "No card of a training run is here.",
            "attach the model's own card; nothing, where the model is a provider's",
        )
    yield Task(
        reviewer_of(gathered), "Say whether any model was trained or tuned for this assistant."
    )


def _card(gathered: Gathered, run: FilterRun) -> Iterator[Block]:
    rows, totals = run.totals.get("rows") or {}, run.totals
    yield Heading(f"Filter run {words.plain(run.name, 80)}")
    whole = Cell(f"broken: {run.broken}", "bad") if run.broken else Cell("whole", "good")
    came, gone = int(totals.get("rows_in", 0)), sum(int(n) for k, n in rows.items() if k != "blank")
    mine = run.policy == gathered.policy.digest
    yield table(
        ("", ""),
        [
            ("Remit", Cell(run.policy, "good" if mine else "open", code=True)),
            ("Ledger", Cell(whole.words, whole.sign, small=f"head {run.head}")),
            ("Rows in", f"{came:,}"),
            ("Accounted for", Cell(f"{gone:,}", "good" if gone == came else "bad")),
            *((f"… {words.plain(name, 30)}", f"{int(n):,}") for name, n in rows.items()),
            ("Files in", f"{len(run.sources) + run.more_sources:,}"),
        ],
    )
    owners = {rule.id: rule.owner for rule in gathered.policy.rules}
    steps = [
        (
            Cell(words.plain(step, 64), code=True),
            owners.get(step, NOBODY),
            ", ".join(f"{words.plain(way, 30)} {int(n):,}" for way, n in sorted(ways.items())),
        )
        for step, ways in (totals.get("steps") or {}).items()
    ]
    if steps:
        yield table(("rule or step", "owner", "rows it asked for"), steps)
    if run.sources:
        yield table(
            ("file", "SHA-256"),
            [
                (
                    words.plain(source.get("name"), 120),
                    hashed(words.plain(source.get("sha256"), 64)),
                )
                for source in run.sources[:40]
            ],
        )
