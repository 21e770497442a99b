"""What a remit brings to a training: its rules as rewards, learned rewards, alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli.terminal import CannotRunError, remit_of

if TYPE_CHECKING:
    from remit.enforce import Enforcer
    from remit.layers.training.alarms import Alarms
    from remit.layers.training.engine import Reward
    from remit.layers.training.recipes import Recipe
    from remit.layers.training.reward.features import FeatureMap
    from remit.layers.training.rewarding import Kinds

_LEARNED = "learned: write {folder: runs/reward/final, head: overall, how: mean|worst|uwo}"


def kinds(recipe: Recipe) -> Kinds:
    """Kinds of rewards that need the remit, or what grades: `rules` and `learned`."""

    def rules(setting: object) -> Sequence[Reward]:
        from remit.layers.training.rules.rewards import rule_rewards

        only = (
            setting if isinstance(setting, list) else [] if setting in (None, "all") else [setting]
        )
        try:
            return rule_rewards(enforcer(recipe.policy), [str(rule) for rule in only])
        except KeyError as error:
            raise CannotRunError(f"rollouts: rewards: rules: {error.args[0]}") from None

    def learned(setting: object) -> Reward:
        return _learned(setting, recipe)

    return {"rules": rules, "learned": learned}


def _learned(setting: object, recipe: Recipe) -> Reward:
    from remit.layers.training.reward.ensemble import COMBINATIONS
    from remit.layers.training.reward.model import LearnedReward
    from remit.layers.training.reward.pairs import OVERALL
    from remit.layers.training.reward.saved import described, load

    told: Mapping[str, Any] = {"folder": setting} if isinstance(setting, str) else setting  # type: ignore[assignment]
    if not isinstance(told, Mapping) or not set(told) <= {"folder", "head", "how", "penalty"}:
        raise CannotRunError(_LEARNED)
    how = told.get("how", "mean")
    if "folder" not in told or how not in COMBINATIONS:
        raise CannotRunError(_LEARNED)
    folder = Path(str(told["folder"])).expanduser()
    wanted = described(folder)["body"].get("features", ())
    model = load(folder, features(wanted, recipe.policy))
    head = str(told.get("head", OVERALL))
    model.place(head)
    return LearnedReward(model, head, how, float(told.get("penalty", 0.5)))


def features(wanted: Sequence[str], policy: str) -> dict[str, FeatureMap]:
    """The feature maps that a reward model stands on, by name."""
    from remit.layers.training.reward.features import Length, Meaning, Numbers, Rules
    from remit.verify.grading.refusal import refusal

    def conduct(asked: str, reply: str) -> tuple[float, ...]:
        return refusal(reply, asked).shares[1:]

    found: dict[str, FeatureMap] = {"length": Length()}
    if "meaning" in wanted:
        found["meaning"] = Meaning()
    if "conduct" in wanted:
        told = "how surely the reply refuses, in part or in full, as grading reads it"
        found["conduct"] = Numbers("conduct", told, "1", conduct)
    if "rules" in wanted:
        found["rules"] = Rules(enforcer(policy))
    return found


def enforcer(path: str) -> Enforcer:
    """A remit's detectors."""
    from remit.enforce import compile_policy

    if not path:
        raise CannotRunError("the remit's rules are asked; add policy: remit.yaml to the recipe")
    return compile_policy(remit_of(path))


def alarms(recipe: Recipe) -> Alarms | None:
    """The alarms that a recipe asks for; with a policy, its auditors listen to what is sampled."""
    from remit.layers.training.alarms import Alarms
    from remit.layers.training.audits import audits

    if recipe.alarms is None:
        return None
    auditor = audits(remit_of(recipe.policy)).scores if recipe.policy else None
    return Alarms(recipe.alarms, auditor)


def keep(alarms: Alarms, out: Path) -> None:
    """Writes what the auditors said, and the alarm that ended the training, if one did."""
    from remit.layers.training.durable import write_json

    audited = [{"step": s, "reward": r, "audit": a} for s, r, a in alarms.audited]
    write_json(out / "audited.json", {"steps": audited})
    if alarms.sounded:
        write_json(out / "alarm.json", alarms.sounded.to_json())
