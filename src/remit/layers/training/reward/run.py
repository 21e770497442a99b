"""From a recipe to a reward model: split, train each member, calibrate, measure, write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.layers.training.durable import write_file, write_json
from remit.layers.training.engine import Report, Silent, TrainingError
from remit.layers.training.extra import needs, quiet
from remit.layers.training.reward.calibration import temperature
from remit.layers.training.reward.ensemble import combined
from remit.layers.training.reward.features import FeatureMap
from remit.layers.training.reward.pairs import Pair, apart, heads_of, pairs_of
from remit.layers.training.reward.plot import reliability_plot
from remit.layers.training.reward.recipe import RewardRecipe
from remit.layers.training.rows import Rows, read_rows
from remit.layers.training.runs import versions
from remit.types import Json

if TYPE_CHECKING:
    from remit.layers.training.reward.model import Measured, RewardModel

_FEWEST = 20


@dataclass(frozen=True, slots=True)
class RewardRun:
    """What came of it: the model, how each head did on held-back pairs, and what to know."""

    model: RewardModel
    measured: tuple[Measured, ...]
    notes: tuple[str, ...]


def train_reward(
    recipe: RewardRecipe,
    maps: Mapping[str, FeatureMap],
    report: Report | None = None,
    policy_digest: str | None = None,
) -> RewardRun:
    """Trains what a recipe says and writes `out/final`, `out/run.json` and the plots.

    `maps` are the feature maps at hand, by name. Raises TrainingError, RowsError.
    """
    out = Path(recipe.out)
    if (out / "final").exists():
        raise TrainingError(f"{out} holds a reward model already; name another folder with out:")
    rows = read_rows(recipe.data, "reward")
    held = read_rows(recipe.held, "reward") if recipe.held else None
    run = fit_reward(recipe, rows, maps, report, held, policy_digest)
    from remit.layers.training.reward.saved import save

    save(run.model, out / "final")
    write_json(out / "run.json", run.model.about)
    for one in run.measured:
        write_file(
            out / f"reliability-{one.head}.svg", reliability_plot(one.bins, one.head).encode()
        )
    return run


def fit_reward(
    recipe: RewardRecipe,
    rows: Rows,
    maps: Mapping[str, FeatureMap],
    report: Report | None = None,
    held: Rows | None = None,
    policy_digest: str | None = None,
) -> RewardRun:
    """The same from rows at hand, with nothing written. Raises TrainingError."""
    needs("torch", "safetensors", *(("transformers",) if recipe.body.model else ()))
    quiet()
    pairs = pairs_of(rows)
    heads = heads_of(pairs)
    learnt, back = apart(pairs, recipe.hold, f"calibrate {recipe.seed}")
    shown = back if held is None else pairs_of(held)
    common = {pair.group for pair in shown} & {pair.group for pair in pairs}
    if held is not None and common:
        raise TrainingError(
            f"{len(common):,} prompts of held: are in data: too; what is learnt from proves nothing"
        )
    if not learnt:
        raise TrainingError("no pairs are left to learn from; lower hold in the recipe")
    model = _model(recipe, learnt, heads, maps, report or Silent())
    model = _calibrated(model, back)
    measured = tuple(
        model.measure(mine, head)
        for head in heads
        if (mine := [pair for pair in shown if pair.head == head])
    )
    notes = _notes(heads, learnt, back, measured, same=held is None)
    about = _about(recipe, rows, held, learnt, back, measured, notes, policy_digest)
    return RewardRun(replace(model, about=about), measured, notes)


def _model(
    recipe: RewardRecipe,
    pairs: Sequence[Pair],
    heads: tuple[str, ...],
    maps: Mapping[str, FeatureMap],
    report: Report,
) -> RewardModel:
    from remit.layers.training.reward.fit import fit, prepared
    from remit.layers.training.reward.model import RewardModel

    make = _bodies(recipe, pairs, maps)
    shared = prepared(make(), pairs, heads) if recipe.body.features else None
    members = tuple(
        fit(
            make,
            pairs,
            heads,
            recipe,
            recipe.seed + number,
            report,
            None if shared is None else lambda _: shared,
        )
        for number in range(recipe.members)
    )
    return RewardModel(heads, members)


def _bodies(
    recipe: RewardRecipe, pairs: Sequence[Pair], maps: Mapping[str, FeatureMap]
) -> Callable[[], Any]:
    from remit.layers.training.reward.network import FeatureBody, LanguageBody

    body = recipe.body
    if body.model:
        return lambda: LanguageBody(body.model, body.pool, body.max_length)
    absent = [name for name in body.features if name not in maps]
    if absent:
        raise TrainingError(f"the feature '{absent[0]}' needs what is not given; have {list(maps)}")
    prompts = [pair.prompt for pair in pairs]
    replies = [*(pair.chosen for pair in pairs), *(pair.rejected for pair in pairs)]
    one = FeatureBody.fitted([maps[name] for name in body.features], prompts * 2, replies)
    return lambda: one


def _calibrated(model: RewardModel, pairs: Sequence[Pair]) -> RewardModel:
    """With a temperature for each head that has pairs enough; the overall one's for the others."""
    found: dict[str, float] = {}
    for head in model.heads:
        mine = [pair for pair in pairs if pair.head == head]
        if len(mine) >= _FEWEST:
            found[head] = temperature([combined(each) for each in model.leads(mine, head)])
    return replace(model, temperatures=found)


def _notes(
    heads: Sequence[str],
    learnt: Sequence[Pair],
    back: Sequence[Pair],
    measured: Sequence[Measured],
    *,
    same: bool,
) -> tuple[str, ...]:
    taught, kept = Counter(p.head for p in learnt), Counter(p.head for p in back)
    notes = [
        f"{head}: {kept[head]} pairs held back, too few to calibrate; its rewards are as learnt"
        for head in heads
        if taught[head] > 0 and kept[head] < _FEWEST
    ]
    untaught = [head for head in heads if not taught[head]]
    notes += [f"{head}: no pair taught it; its rewards mean nothing" for head in untaught]
    worse = [one.head for one in measured if one.accuracy <= 0.5]
    notes += [f"{head}: no better than a coin on held-out pairs" for head in worse]
    if same:
        notes.append("measured on the pairs that also set the temperature (one number a head)")
    return tuple(notes)


def _about(
    recipe: RewardRecipe,
    rows: Rows,
    held: Rows | None,
    learnt: Sequence[Pair],
    back: Sequence[Pair],
    measured: Sequence[Measured],
    notes: Sequence[str],
    policy_digest: str | None,
) -> Json:
    return {
        "recipe": recipe.to_json(),
        "recipe_digest": recipe.digest,
        "policy": policy_digest,
        "data": [origin.to_json() for origin in rows.origins],
        "data_digest": rows.digest,
        "held": [origin.to_json() for origin in held.origins] if held else [],
        "pairs": {"learnt": len(learnt), "held_back": len(back)},
        "measured": [one.to_json() for one in measured],
        "notes": list(notes),
        "versions": versions(),
    }
