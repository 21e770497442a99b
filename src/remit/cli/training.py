"""`remit train`: a model is taught by rows, by people's preferences or by rewards."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli import exporting, training_rewards, training_rules, training_shown
from remit.cli.terminal import CannotRunError, complain, safe, say, say_json

if TYPE_CHECKING:
    from remit.layers.training.engine import Trained
    from remit.layers.training.recipes import Recipe
    from remit.layers.training.runs import Run

_METHODS = {
    "sft": "imitate good answers (supervised fine-tuning)",
    "dpo": "prefer one answer to another (direct preference optimisation)",
    "kto": "from single answers, wanted or not (Kahneman-Tversky optimisation)",
    "rloo": "from rewards (REINFORCE leave-one-out)",
    "grpo": "from rewards, relative to a group of answers",
}
_COLUMNS = {
    "sft": "prompt, completion; or messages",
    "dpo": "prompt, chosen, rejected",
    "kto": "prompt, completion, label (true or false)",
    "rloo": "prompt; further columns reach the rewards",
    "grpo": "prompt; further columns reach the rewards",
}
_REWARDS = """\
  rollouts: {rewards: [{rules: all}]}     what an answer is worth; rules: needs the next line
  policy: remit.yaml
"""
_EXAMPLES = """\
examples:
  remit train sft sft.yaml                     a recipe: model, data, out, lr, …
  remit train dpo dpo.yaml --resume            goes on from the last checkpoint
  remit train dpo dpo.yaml --dry-run           what would be done, without doing it
  remit train rloo rloo.yaml                   rewards: [{rules: all}], the remit's own rules
  remit train reward reward.yaml               a reward model from pairs
  remit train constitution cai.yaml            critique, revise, imitate; compare, prefer
  remit train gate BEFORE AFTER --policy remit.yaml --prompts gate.jsonl --target RULE
  remit train card RUN --gate gate.json        what it was made of, and what it came to
  remit train export --to verl rows.jsonl OUT  for those who train elsewhere

Needs pip install 'remit[train]', but for what only writes rows or asks addresses.
"""
_METHOD_EPILOG = """\
examples:
  remit train {method} {method}.yaml
  remit train {method} {method}.yaml --dry-run       what would be done, and by which command

A recipe, in YAML; docs/layer-2-training.md has all its keys:
  model: runs/sft/final      a folder in the Hugging Face layout
  data: rows.jsonl           JSON Lines: {columns}
  out: runs/{method:4}             gets final/, metrics.jsonl, curves.svg, run.json, checkpoints/
  lr: 0.0001                 the only number without a default
{more}
exit codes: 0 done; 2 misuse; 3 it cannot be done; 130 stopped, --resume goes on from there
"""


_LAUNCHED = "REMIT_LAUNCHED"


def _more(method: str) -> str:
    return _REWARDS if method in ("rloo", "grpo") else ""


def add(commands: Any) -> None:
    """Adds the command and its verbs."""
    parser = commands.add_parser(
        "train",
        help="train a model: sft, dpo, kto, rloo, grpo, …",
        description="Trains a model from rows, preferences or rewards, as a recipe says.",
        epilog=_EXAMPLES,
    )
    verbs = parser.add_subparsers(metavar="METHOD", title="methods", required=True)
    for add_verb in _VERBS:
        add_verb(verbs)


def _add_methods(verbs: Any) -> None:
    for method, told in _METHODS.items():
        epilog = _METHOD_EPILOG.format(method=method, columns=_COLUMNS[method], more=_more(method))
        described = f"{told[0].upper()}{told[1:]}."
        parser = verbs.add_parser(method, help=told, description=described, epilog=epilog)
        parser.add_argument("recipe", metavar="RECIPE")
        parser.add_argument("--resume", action="store_true", help="go on where it was stopped")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")
        parser.add_argument("--json", action="store_true", help="the result as JSON")
        parser.set_defaults(run=_train, method=method)


# What `remit train` can do, a function a group of verbs.
_VERBS: tuple[Callable[[Any], None], ...] = (_add_methods, training_rules.add, exporting.add)


def _train(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.layers.training.engine import TrainingError
    from remit.layers.training.extra import MissingExtraError
    from remit.layers.training.recipes import RecipeError, read_recipe
    from remit.layers.training.rows import RowsError
    from remit.layers.training.runs import prepare

    try:
        recipe = read_recipe(arguments.recipe, arguments.method)
        run = prepare(recipe, Path(arguments.recipe).read_bytes())
        if arguments.dry_run:
            training_shown.plan(run, _launch(recipe, arguments), as_json=arguments.json)
            return 0
        if recipe.distributed and _LAUNCHED not in environ and "WORLD_SIZE" not in environ:
            return _launched(recipe, arguments, environ)
        trained = _trained(run, arguments, environ)
    except (RecipeError, RowsError, TrainingError, MissingExtraError) as error:
        raise CannotRunError(str(error)) from None
    except KeyboardInterrupt:
        complain("stopped; the same command with --resume goes on from the last checkpoint")
        return 130
    if trained is not None:
        _show(recipe, trained, as_json=arguments.json)
    return 0


def _trained(run: Run, arguments: argparse.Namespace, environ: Mapping[str, str]) -> Trained | None:
    """The training itself; None in a process that is not the first of several."""
    from remit.layers.training.engine import Silent
    from remit.layers.training.rewarding import rewards_of
    from remit.layers.training.rules.rewards import weighed
    from remit.layers.training.runs import Several
    from remit.layers.training.trackers import trackers

    rewards = rewards_of(run.recipe, training_rewards.kinds(run.recipe))
    run = replace(run, recipe=weighed(run.recipe, rewards))
    if environ.get("RANK", "0") != "0":
        run.train(Silent(), rewards, resume=arguments.resume, writes=False)
        return None
    with training_shown.Bar(run.recipe.method) as bar:
        alarms = training_rewards.alarms(run.recipe)
        told = Several([bar, *trackers(run.recipe), *([alarms] if alarms else [])])
        trained = run.train(told, rewards, resume=arguments.resume)
        if alarms:
            training_rewards.keep(alarms, run.out)
        return trained


def _launch(recipe: Recipe, arguments: argparse.Namespace) -> list[str]:
    from remit.layers.training.launch import command

    if recipe.distributed is None:
        return []
    words = ["train", arguments.method, arguments.recipe]
    words += [f"--{name}" for name in ("resume", "json") if getattr(arguments, name)]
    return command(recipe.distributed, words)


def _launched(recipe: Recipe, arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.layers.training.launch import check

    assert recipe.distributed is not None  # noqa: S101  it was asked
    check(recipe.distributed)
    # Not every launcher tells its processes that they are some of several, and one that does not
    # know it would launch them again, without end.
    inner = {**environ, _LAUNCHED: "1"}
    return subprocess.run(_launch(recipe, arguments), env=inner, check=False).returncode  # noqa: S603  our own launcher, and no shell


def _show(recipe: Recipe, trained: Trained, *, as_json: bool) -> None:
    from remit.layers.training.runs import outcome

    told = outcome(trained)
    if as_json:
        say_json({"folder": str(trained.folder), **told})
        return
    for note in trained.notes:
        complain(safe(note))
    if trained.stopped:
        complain(f"stopped early: {safe(trained.stopped)}")
    say(training_shown.summary(trained))
    say(f"model   {safe(str(trained.folder))}")
    say(f"curves  {safe(str(Path(recipe.out, 'curves.svg')))}")
