"""`remit train reward|constitution|gate|card`: the remit's rules as teachers and as judges."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli import training_gate, training_rewards
from remit.cli.terminal import CannotRunError, complain, remit_of, safe, say, say_json, table
from remit.cli.training_models import speaker_of
from remit.cli.training_shown import Bar

if TYPE_CHECKING:
    from collections.abc import Iterator

_REWARD = """\
examples:
  remit train reward reward.yaml

A recipe, in YAML:
  data: pairs.jsonl                              {prompt, chosen, rejected, margin?, meta: {rule}}
  out: runs/reward                               gets final/, run.json, reliability-*.svg
  policy: remit.yaml                             for the feature `rules`
  body: {features: [meaning, rules, length]}     or {model: ./a-language-model}
  members: 4                                     an ensemble says where it does not know
"""
_CARD = """\
examples:
  remit train card runs/dpo
  remit train card runs/dpo --gate gate.json --agreement agreement.json --out card

Writes model-card.json and model-card.html.
"""
_CONSTITUTION = """\
examples:
  remit train constitution cai.yaml
  remit train constitution cai.yaml --critic http://localhost:11434/v1,llama3.2

A recipe, in YAML:
  model: runs/sft/final      a local model; `asked` for the one behind --model
  policy: remit.yaml         rules with then: {training: penalise}
  prompts: prompts.jsonl     {prompt}
  out: runs/constitution     gets every round, rows, models, constitution.json
  critic: detectors          or self, or asked (--critic)
  revise: resample           or model, or answer
  sft: {lr: 0.0005}          phase one; then: {method: dpo, lr: 0.0001} is phase two
"""


def add(verbs: Any) -> None:
    """Adds the verbs."""
    _add(verbs, "reward", "a model of which replies are preferred", _REWARD, _reward)
    command = _add(verbs, "constitution", "critique, revise, prefer, by rule", _CONSTITUTION, _both)
    where = "house, scripted:FILE or an address"
    command.add_argument("--model", metavar="WHERE,MODEL", help=f"who is sampled: {where}")
    command.add_argument("--critic", metavar="WHERE,MODEL", help=f"who criticises: {where}")
    training_gate.add(verbs)
    _add_card(verbs)


def _add(verbs: Any, name: str, told: str, epilog: str, run: Any) -> Any:
    parser = verbs.add_parser(name, help=told, description=told.capitalize() + ".", epilog=epilog)
    parser.add_argument("recipe", metavar="RECIPE")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    parser.set_defaults(run=run)
    return parser


def _add_card(verbs: Any) -> None:
    told = "what a run was made of, by hash, and what it came to"
    parser = verbs.add_parser("card", help=told, description=told.capitalize() + ".", epilog=_CARD)
    parser.add_argument("folder", metavar="RUN", help="the folder of a run")
    parser.add_argument("--gate", metavar="FILE", help="the --json of remit train gate")
    parser.add_argument("--agreement", metavar="FILE", help="of remit review agreement --json")
    parser.add_argument("--alarm", metavar="FILE", help="the alarm.json of a stopped run")
    parser.add_argument("--out", metavar="DIR", help="where to; default: the run's folder")
    parser.set_defaults(run=_card)


@contextmanager
def refused() -> Iterator[None]:
    """What cannot be done is said, and is no traceback."""
    from remit.detectors.learned.weights import WeightsError
    from remit.layers.training.engine import TrainingError
    from remit.layers.training.extra import MissingExtraError
    from remit.layers.training.recipes import RecipeError
    from remit.layers.training.rows import RowsError
    from remit.verify.opening import TargetError

    known = (TrainingError, RecipeError, RowsError, MissingExtraError, WeightsError, TargetError)
    try:
        yield
    except known as error:
        raise CannotRunError(str(error)) from None


def _reward(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.layers.training.reward.recipe import read_reward_recipe
    from remit.layers.training.reward.run import train_reward

    with refused():
        recipe = read_reward_recipe(arguments.recipe)
        digest = remit_of(recipe.policy).policy.digest if recipe.policy else None
        with Bar("reward") as bar:
            run = train_reward(
                recipe, training_rewards.features(recipe.body.features, recipe.policy), bar, digest
            )
    if arguments.json:
        say_json(run.model.about)
        return 0
    for note in run.notes:
        complain(safe(note))
    rows = [("head", "pairs", "ranked right", "calibration error", "members disagree")]
    rows += [
        (
            one.head,
            str(one.pairs),
            f"{one.accuracy:.1%}",
            f"{one.calibration_error:.3f}",
            f"{one.disagreement:.1%}",
        )
        for one in run.measured
    ]
    say("\n".join(table(rows)))
    say(f"model  {safe(str(Path(recipe.out, 'final')))}")
    return 0


def _both(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.layers.training.constitution.recipe import read_constitution
    from remit.layers.training.constitution.run import constitution, run_constitution
    from remit.layers.training.runs import Several

    with refused():
        recipe = read_constitution(arguments.recipe)
        speaker = speaker_of(arguments.model, environ) if arguments.model else None
        critic = speaker_of(arguments.critic, environ) if arguments.critic else None
        parts = constitution(recipe, training_rewards.enforcer(recipe.policy), speaker, critic)
        with Bar("constitution") as bar:
            told = run_constitution(parts, Several([bar]), complain)
    if arguments.json:
        say_json(told)
        return 0
    say(f"rows   {safe(str(Path(recipe.out, 'sft.jsonl')))}")
    for stage in ("sft", "dpo", "rloo", "grpo"):
        if stage in told:
            say(f"{stage:5}  {safe(told[stage]['folder'])}")
    say(f"record {safe(str(Path(recipe.out, 'constitution.json')))}")
    return 0


def _card(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.layers.training.card import card, write_card

    with refused():
        told = card(
            arguments.folder,
            gate=arguments.gate,
            agreement=arguments.agreement,
            alarm=arguments.alarm,
        )
        for path in write_card(told, arguments.out or arguments.folder):
            say(safe(str(path)))
    return 0
