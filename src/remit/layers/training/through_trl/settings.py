"""A recipe as TRL's settings, and the traps among its defaults.

Each line that is not plainly the recipe's own value is here because the default would do otherwise:

- `bf16` is on by default and refuses a machine without a GPU; `use_cpu` must say that it is one.
- `gradient_checkpointing` is on by default: a fifth slower, for memory that a small model has.
- `GRPOConfig.beta` is 0 by default, no tie to the start at all; a recipe's is never 0 unasked.
- GRPO sums several rewards before it scales them by default, so that a large one drowns the others.
- DPO and KTO ask the reference model at every step by default; here once, beforehand.
- `report_to` sends to whatever tracker is installed by default; here to none, see `trackers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from remit.layers.training.engine import TrainingError
from remit.layers.training.plain import loading
from remit.layers.training.recipes import Recipe

Settings = dict[str, Any]


def settings(recipe: Recipe, folder: Path, *, held: bool) -> Settings:
    """The arguments of the method's configuration. Raises TrainingError."""
    return {**_common(recipe, folder, held=held), **_OF[recipe.method](recipe)}


def _common(recipe: Recipe, folder: Path, *, held: bool) -> Settings:
    at = loading.device()
    on_gpu = at.type == "cuda"
    rows = _rows_each(recipe)
    watched = recipe.eval if held else None
    return {
        "output_dir": str(folder),
        "use_cpu": not on_gpu,
        "bf16": loading.autocast(recipe, at) is not None,
        "activation_checkpointing": on_gpu,
        "per_device_train_batch_size": rows,
        "per_device_eval_batch_size": rows,
        "gradient_accumulation_steps": recipe.accumulate,
        "num_train_epochs": recipe.epochs,
        "max_steps": recipe.steps or -1,
        "learning_rate": recipe.lr,
        "lr_scheduler_type": recipe.schedule if not recipe.warmup else _warmed(recipe),
        "warmup_steps": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "save_strategy": "steps",
        "save_steps": recipe.save_every,
        "logging_strategy": "steps",
        "logging_steps": recipe.log_every,
        "logging_first_step": True,
        "eval_strategy": "steps" if watched else "no",
        "eval_steps": watched.every if watched else None,
        "report_to": "none",
        "disable_tqdm": True,
    }


def _warmed(recipe: Recipe) -> str:
    return "constant_with_warmup" if recipe.schedule == "constant" else recipe.schedule


def _rows_each(recipe: Recipe) -> int:
    """Rows that one process reads at once."""
    processes = recipe.distributed.processes if recipe.distributed else 1
    parts = processes * recipe.accumulate
    if recipe.batch % parts:
        raise TrainingError(
            f"batch ({recipe.batch}) must be a multiple of processes times accumulate ({parts})"
        )
    rows = recipe.batch // parts
    if recipe.method == "kto" and rows < 2:
        raise TrainingError("kto takes its KL from the rows of one process; make batch larger")
    return rows


def _sft(recipe: Recipe) -> Settings:
    return {
        "max_length": recipe.max_length,
        "completion_only_loss": recipe.sft.loss_on == "completion",
        "model_init_kwargs": _loaded(),
    }


def _dpo(recipe: Recipe) -> Settings:
    return {
        "max_length": recipe.max_length,
        "beta": recipe.kl_weight,
        "loss_type": [recipe.dpo.loss],
        "precompute_ref_log_probs": True,
        "model_init_kwargs": _loaded(),
    }


def _kto(recipe: Recipe) -> Settings:
    return {
        "max_length": recipe.max_length,
        "beta": recipe.kl_weight,
        "precompute_ref_log_probs": True,
        # Its KL comes from completions rotated within a batch: the order is made beforehand.
        "train_sampling_strategy": "sequential",
        "model_init_kwargs": _loaded(),
    }


def _reward(recipe: Recipe) -> Settings:
    return {
        "max_length": recipe.max_length,
        "center_rewards_coefficient": 0.01,
        "model_init_kwargs": _loaded(),
    }


def _online(recipe: Recipe) -> Settings:
    asked = recipe.rollouts
    vllm = {"use_vllm": True, "vllm_mode": asked.vllm} if asked.vllm else {}
    return {
        "beta": recipe.kl_weight,
        "num_generations": asked.group,
        "max_completion_length": asked.max_tokens,
        "temperature": asked.temperature,
        "num_iterations": asked.iterations,
        "epsilon": asked.clip,
        "model_init_kwargs": _loaded(),
        **vllm,
    }


def _grpo(recipe: Recipe) -> Settings:
    return {**_online(recipe), "multi_objective_aggregation": recipe.rollouts.aggregate}


def _loaded() -> Settings:
    # No code that a model's folder brings is run, and nothing pickled is read.
    return {"dtype": "float32", "use_safetensors": True, "trust_remote_code": False}


_OF = {
    "sft": _sft,
    "dpo": _dpo,
    "kto": _kto,
    "reward": _reward,
    "rloo": _online,
    "grpo": _grpo,
}
