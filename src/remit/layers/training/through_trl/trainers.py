"""TRL's trainers, made from a recipe: model, adapter, data and rewards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from remit.layers.training.engine import Prompt, Reward, Rollout, TrainingError
from remit.layers.training.extra import needs, quiet
from remit.layers.training.plain.encoding import Encoder
from remit.layers.training.plain.objectives import kto_weights
from remit.layers.training.recipes import ONLINE, Recipe
from remit.layers.training.rewarding import rewarded
from remit.layers.training.rows import Rows
from remit.layers.training.through_trl.keeping import Made
from remit.layers.training.through_trl.settings import settings
from remit.layers.training.through_trl.tables import fitting, seen_by_all, table
from remit.layers.training.through_trl.telling import Telling
from remit.types import Json


def trainer(
    recipe: Recipe,
    rows: Rows,
    held: Rows | None,
    start: Path | str,
    folder: Path,
    rewards: Sequence[Reward],
    telling: Telling,
) -> Made:
    """The method's trainer, ready to train. Raises TrainingError or MissingExtraError."""
    trl, tokenizer = _opened(start)
    encoder = Encoder(tokenizer, recipe.max_length, recipe.too_long)
    kept = fitting(recipe, rows.rows, encoder)
    notes = encoder.notes
    watched = fitting(recipe, held.rows, encoder) if held else []
    arguments = settings(recipe, folder, held=held is not None)
    given: dict[str, Any] = {
        "model": str(start),
        "processing_class": tokenizer,
        "peft_config": _adapter(recipe),
        "quantization_config": _quantised(recipe),
    }
    if recipe.method in ONLINE:
        _refuse_mixture(recipe, rewards)
        given["reward_funcs"] = _functions(rewards, [*kept, *watched], telling)
        weights = recipe.rollouts.weights
        arguments["reward_weights"] = [weights.get(reward.name, 1.0) for reward in rewards]
    if recipe.method == "kto":
        wanted, unwanted = kto_weights(kept, recipe)
        arguments |= {"desirable_weight": wanted, "undesirable_weight": unwanted}
    names = {"sft": "SFT", "reward": "Reward"}
    name = names.get(recipe.method, recipe.method.upper())
    config = getattr(trl, f"{name}Config")(**arguments)
    _as_many(recipe, int(config.world_size))
    given["train_dataset"] = seen_by_all(config, table(recipe, kept), folder / "rows")
    if held:
        seen = table(recipe, watched, len(kept))
        given["eval_dataset"] = seen_by_all(config, seen, folder / "held")
    made = getattr(trl, f"{name}Trainer")(args=config, **given)
    return Made(_silent(made), tokenizer, notes)


def _opened(start: Path | str) -> tuple[Any, Any]:
    """TRL itself, and the tokenizer of the model that is trained."""
    quiet()
    import datasets
    import trl
    from transformers import AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    datasets.disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(str(start))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return trl, tokenizer


def _silent(made: Any) -> Any:
    from transformers import PrinterCallback

    made.remove_callback(PrinterCallback)  # it writes every log to where results go
    return made


def _as_many(recipe: Recipe, found: int) -> None:
    """Fewer processes than the recipe counts on would train on smaller batches than it says."""
    asked = recipe.distributed.processes if recipe.distributed else 1
    if asked != found:
        raise TrainingError(
            f"the recipe is for {asked} process(es) and {found} run(s) it; write the number under "
            "distributed: processes:, or start as many"
        )


def _refuse_mixture(recipe: Recipe, rewards: Sequence[Reward]) -> None:
    several = len(rewards) > 1 and recipe.rollouts.aggregate == "normalize_then_sum"
    if recipe.method == "rloo" and several:
        names = ", ".join(reward.name for reward in rewards)
        raise TrainingError(
            f"TRL's rloo only sums rewards ({names}), so that a large one drowns the others; take "
            "grpo, engine: plain, or rollouts: {aggregate: sum_then_normalize}"
        )


def _functions(
    rewards: Sequence[Reward], rows: Sequence[Json], telling: Telling
) -> list[Callable[..., list[float | None]]]:
    if not rewards:
        raise TrainingError("a reward is needed; name one under rollouts: rewards:")
    return [_function(reward, rows, telling) for reward in rewards]


def _function(reward: Reward, rows: Sequence[Json], telling: Telling) -> Any:
    def asked(
        prompts: Sequence[Prompt],
        completions: Sequence[Any],
        row: Sequence[int],
        trainer_state: Any,
        **_: Any,
    ) -> list[float | None]:
        texts = [c if isinstance(c, str) else c[-1]["content"] for c in completions]
        sources = [rows[at] for at in row]
        values = rewarded([reward], prompts, texts, sources)[reward.name]
        told = zip(prompts, texts, values, sources, strict=True)
        rollouts = [Rollout(p, text, {reward.name: value}, r) for p, text, value, r in told]
        telling.sampled(int(trainer_state.global_step) + 1, rollouts)
        return values

    asked.__name__ = reward.name
    return asked


def _adapter(recipe: Recipe) -> Any:
    if recipe.lora is None:
        return None
    from peft import LoraConfig

    targets = recipe.lora.targets
    scoring = recipe.method == "reward"
    return LoraConfig(
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules="all-linear" if targets == ("all-linear",) else list(targets),
        task_type="SEQ_CLS" if scoring else "CAUSAL_LM",
        # The head of a reward model starts at random: frozen, it would stay so.
        modules_to_save=["score"] if scoring else None,
    )


def _quantised(recipe: Recipe) -> Any:
    if recipe.lora is None or recipe.lora.quantise is None:
        return None
    needs("bitsandbytes")
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=recipe.lora.quantise == 4,
        load_in_8bit=recipe.lora.quantise == 8,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
