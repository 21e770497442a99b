"""From a recipe to a model: both phases, every step written where it can be read afterwards.

revisions.jsonl     phase one, all rounds        sft.jsonl           what was imitated
comparisons.jsonl   phase two, both orders       preferences.jsonl   what was preferred
sft/, dpo/ …        the trainings                constitution.json   counts and hashes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remit.enforce import Enforcer
from remit.layers.training.constitution.comparing import compare, preference_rows
from remit.layers.training.constitution.critics import (
    Critic,
    DetectorCritic,
    ModelCritic,
    ModelReviser,
    OwnWords,
    Resampling,
    Reviser,
)
from remit.layers.training.constitution.recipe import ASKED, ConstitutionRecipe
from remit.layers.training.constitution.revising import Revision, revise, sft_rows
from remit.layers.training.constitution.speakers import Local, Speaker
from remit.layers.training.durable import write_json
from remit.layers.training.engine import Prompt, Report, Reward, TrainingError
from remit.layers.training.rows import Origin, read_rows, write_rows
from remit.layers.training.rules.rewards import rule_rewards, weighed
from remit.layers.training.runs import Run, prepare, versions, weights_digest
from remit.policy import Steering, steering
from remit.types import Json, Stage

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Constitution:
    """All that a run needs: who speaks, who criticises, who revises, which rules."""

    recipe: ConstitutionRecipe
    enforcer: Enforcer
    speaker: Speaker
    critic: Critic
    reviser: Reviser
    rules: tuple[Steering, ...]


def constitution(
    recipe: ConstitutionRecipe,
    enforcer: Enforcer,
    model: Speaker | None = None,
    critic: Speaker | None = None,
) -> Constitution:
    """Puts the parts together. `model` and `critic` are those behind addresses, where asked for.

    Raises TrainingError where one is missing or a rule is unknown.
    """
    speaker = model if recipe.model == ASKED else _local(recipe, recipe.model)
    if speaker is None:
        raise TrainingError(f"model: {ASKED} needs an address; name it with --model")
    judge: Critic
    if recipe.critic == "detectors":
        judge = DetectorCritic.of(enforcer)
    else:
        asked = speaker if recipe.critic == "self" else critic
        if asked is None:
            raise TrainingError(f"critic: {ASKED} needs an address; name it with --critic")
        judge = ModelCritic(asked)
    return Constitution(
        recipe, enforcer, speaker, judge, _reviser(recipe, enforcer, speaker, judge),
        _rules(recipe, enforcer),
    )  # fmt: skip


def run_constitution(parts: Constitution, report: Report, say: Say = lambda _: None) -> Json:
    """Does both phases and answers what `constitution.json` holds. Raises TrainingError."""
    recipe = parts.recipe
    out = Path(recipe.out)
    if (out / "constitution.json").exists():
        raise TrainingError(f"{out} holds a run already; name another folder with out:")
    out.mkdir(parents=True, exist_ok=True)
    prompts = [row["prompt"] for row in read_rows(recipe.prompts, "rloo")]
    told = _beginning(parts, len(prompts))
    rows, told["revised"] = _phase_one(parts, prompts, out, say)
    if recipe.sft is not None:
        if not rows.rows:
            raise TrainingError("no reply came out clean, so there is nothing to imitate")
        trained = _trained(recipe, "sft", out / "sft.jsonl", recipe.model, report, ())
        told["sft"] = trained
        if recipe.then is not None:
            told |= _phase_two(parts, prompts, Path(trained["folder"]), out, report, say)
    write_json(out / "constitution.json", told)
    return told


def _phase_one(
    parts: Constitution, prompts: Sequence[Prompt], out: Path, say: Say
) -> tuple[Origin, Json]:
    recipe = parts.recipe
    say(f"phase one: {recipe.samples} samples of {len(prompts)} prompts by {parts.speaker.name}")
    said = parts.speaker.say(prompts, n=recipe.samples, seed=recipe.seed)
    sampled = [(p, reply) for p, replies in zip(prompts, said, strict=True) for reply in replies]
    ways = revise(
        sampled,
        parts.rules,
        parts.critic,
        parts.reviser,
        revisions=recipe.revisions,
        seed=recipe.seed,
    )
    write_rows(out / "revisions.jsonl", (way.to_json(parts.rules) for way in ways))
    rows = sft_rows(
        ways,
        parts.rules,
        parts.critic,
        parts.reviser,
        parts.enforcer.policy.digest,
        _model(recipe),
    )
    counted = _revised(ways, parts.rules)
    say(f"{counted['clean']} of {counted['sampled']} clean, {counted['revised']} of them revised")
    return write_rows(out / "sft.jsonl", rows), counted


def _phase_two(
    parts: Constitution,
    prompts: Sequence[Prompt],
    folder: Path,
    out: Path,
    report: Report,
    say: Say,
) -> Json:
    recipe = parts.recipe
    method = (recipe.then or {}).get("method", "dpo")
    rewards: Sequence[Reward] = ()
    if method == "dpo":
        told: Json = {"compared": _preferences(parts, prompts, folder, out)}
        say(f"phase two: {told['compared']['preferred']} consistent preferences")
        data = out / "preferences.jsonl"
    else:
        rewards = rule_rewards(parts.enforcer, recipe.rules)
        told = {"rewards": [reward.name for reward in rewards]}
        data = out / "prompts.jsonl"
        write_rows(data, ({"prompt": prompt} for prompt in prompts))
    trained = _trained(recipe, "then", data, str(folder), report, rewards)
    return {**told, method: trained}


def _preferences(parts: Constitution, prompts: Sequence[Prompt], folder: Path, out: Path) -> Json:
    recipe = parts.recipe
    speaker = _local(recipe, str(folder))
    # Other samples than those that taught phase one.
    said = speaker.say(prompts, n=2 * recipe.compared, seed=recipe.seed + 1_000_003)
    sampled = [
        (prompt, a, b)
        for prompt, replies in zip(prompts, said, strict=True)
        for a, b in zip(replies[::2], replies[1::2], strict=True)
    ]
    found = compare(sampled, parts.rules, parts.critic, seed=recipe.seed)
    write_rows(out / "comparisons.jsonl", (one.to_json() for one in found))
    policy, model = parts.enforcer.policy.digest, weights_digest(str(folder))
    rows = preference_rows(found, parts.critic, policy, model)
    if not rows:
        counts = dict(Counter(one.outcome for one in found))
        raise TrainingError(f"no comparison was consistent ({counts}); ask a better critic")
    write_rows(out / "preferences.jsonl", rows)
    counts = Counter(one.outcome for one in found)
    names = ("preferred", "same", "tie", "inconsistent", "unread")
    return {"pairs": len(found), **{name: counts[name] for name in names}}  # type: ignore[index]


def _trained(
    recipe: ConstitutionRecipe,
    which: Any,
    data: Path,
    model: str,
    report: Report,
    rewards: Sequence[Reward],
) -> Json:
    phase = weighed(recipe.phase(which, data, model), rewards)
    run: Run = prepare(phase, phase.model_dump_json(indent=2).encode())
    trained = run.train(report, rewards)
    return {
        "folder": str(trained.folder),
        "steps": trained.steps,
        "stopped": trained.stopped,
        "notes": list(trained.notes),
        "sha256": weights_digest(str(trained.folder)),
        "data": run.rows.digest,
    }


def _beginning(parts: Constitution, prompts: int) -> Json:
    return {
        "recipe": parts.recipe.model_dump(mode="json"),
        "recipe_digest": parts.recipe.digest,
        "policy": parts.enforcer.policy.digest,
        "model": {"name": parts.speaker.name, "sha256": _model(parts.recipe)},
        "critic": {"kind": parts.critic.kind, "name": parts.critic.name},
        "reviser": parts.reviser.name,
        "rules": [words.rule for words in parts.rules],
        "prompts": prompts,
        "versions": versions(),
    }


def _revised(ways: Sequence[Revision], rules: Sequence[Steering]) -> Json:
    faults = Counter(r for way in ways for r in {o.rule for o in way.rounds if not o.clean})
    return {
        "sampled": len(ways),
        "clean": sum(way.clean(rules) for way in ways),
        "revised": sum(way.clean(rules) and way.revisions > 0 for way in ways),
        "given_up": sum(way.given_up for way in ways),
        "empty": sum(not way.reply.strip() for way in ways),
        "found_by_rule": {words.rule: faults[words.rule] for words in rules},
    }


def _rules(recipe: ConstitutionRecipe, enforcer: Enforcer) -> tuple[Steering, ...]:
    penalised = [r for r in enforcer.rules(Stage.TRAINING) if r.action(Stage.TRAINING)]
    unknown = sorted(set(recipe.rules) - {rule.id for rule in penalised})
    if unknown or not penalised:
        have = ", ".join(rule.id for rule in penalised) or "none"
        wanted = unknown[0] if unknown else "any rule"
        raise TrainingError(
            f"rules: {wanted} is not penalised in training; have {have}; "
            "write then: {training: penalise} in the remit"
        )
    return tuple(steering(r) for r in penalised if not recipe.rules or r.id in recipe.rules)


def _reviser(
    recipe: ConstitutionRecipe, enforcer: Enforcer, speaker: Speaker, critic: Critic
) -> Reviser:
    if recipe.revise == "answer":
        return OwnWords(enforcer.policy)
    if recipe.revise == "model" and isinstance(critic, ModelCritic):
        return ModelReviser(critic.speaker)
    return Resampling(speaker)


def _local(recipe: ConstitutionRecipe, folder: str) -> Local:
    return Local(Path(folder), recipe.temperature, recipe.max_tokens)


def _model(recipe: ConstitutionRecipe) -> str:
    return "" if recipe.model == ASKED else weights_digest(recipe.model)
