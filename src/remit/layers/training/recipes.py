"""The recipe: a short, strict YAML file that says what is trained, from what, and how.

One key, one meaning, for both engines. A key that a method does not know is refused with the cure,
so that no setting is silently without effect.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from remit.layers.training.limits import Limits
from remit.layers.training.recipe_parts import (
    Count,
    Distributed,
    Held,
    Imitation,
    Lora,
    Names,
    Positive,
    Preference,
    Rollouts,
    Strict,
    Unit,
    Unpaired,
    Weight,
)
from remit.types import Json

Method = Literal["sft", "dpo", "kto", "rloo", "grpo", "reward"]
METHODS: tuple[Method, ...] = ("sft", "dpo", "kto", "rloo", "grpo", "reward")
ONLINE = ("rloo", "grpo")
_MOST_BYTES = 1 << 20

# Kullback-Leibler weights where a recipe names none. GRPO's is DeepSeekMath's (arXiv 2402.03300);
# TRL's own default for it is 0, which is no tie to the start at all.
_BETA = {"dpo": 0.1, "kto": 0.1, "rloo": 0.05, "grpo": 0.04}


class RecipeError(ValueError):
    """A recipe that is refused; the message names the key and the cure."""


class Recipe(Strict):
    """What is trained. Paths are relative to the recipe's folder once it has been read."""

    method: Method
    model: str
    data: Names
    out: str
    policy: str = ""
    engine: Literal["auto", "plain", "trl"] = "auto"
    epochs: Positive = 1.0
    steps: Count | None = None
    batch: Annotated[int, Field(ge=1, le=1_000_000)] = 16
    accumulate: Annotated[int, Field(ge=1, le=100_000)] = 1
    lr: Positive
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: Unit = 0.05
    weight_decay: Weight = 0.0
    max_grad_norm: Positive = 1.0
    beta: Weight | None = None
    max_length: Annotated[int, Field(ge=8, le=10_000_000)] = 1024
    too_long: Literal["refuse", "drop", "cut"] = "drop"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    save_every: Count = 200
    keep: Annotated[int, Field(ge=1, le=1000)] = 2
    log_every: Count = 1
    trackers: Names = ()
    eval: Held | None = None
    lora: Lora | None = None
    distributed: Distributed | None = None
    alarms: Limits | None = None
    sft: Imitation = Imitation()
    dpo: Preference = Preference()
    kto: Unpaired = Unpaired()
    rollouts: Rollouts = Rollouts()

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        given = self.model_fields_set
        for key, methods in _ONLY.items():
            if key in given and self.method not in methods:
                raise ValueError(f"{key} has no meaning for {self.method}; leave it out")
        if self.method == "kto" and self.batch // self.accumulate < 2:
            raise ValueError("kto takes its KL from the other rows of a batch; batch must be > 1")
        if self.method in ONLINE and self.batch % self.rollouts.group:
            cure = f"make batch ({self.batch}) a multiple of rollouts.group ({self.rollouts.group})"
            raise ValueError(f"a batch holds whole groups of completions; {cure}")
        if self.batch % self.accumulate:
            raise ValueError(f"batch ({self.batch}) must be a multiple of accumulate")
        if self.engine_name == "trl" and (beyond := self._beyond_trl):
            raise ValueError(f"TRL has no {beyond}; take engine: plain, or leave it out")
        if self.engine == "plain" and (beyond := self._beyond_plain):
            raise ValueError(f"{beyond} is not for engine: plain; take engine: trl")
        return self

    @property
    def _beyond_plain(self) -> str:
        wanted = {
            "lora": self.lora,
            "distributed": self.distributed,
            "rollouts.vllm": self.rollouts.vllm,
        }
        return next((key for key, value in wanted.items() if value is not None), "")

    @property
    def _beyond_trl(self) -> str:
        return "label_smoothing for DPO's own loss" if self.dpo.label_smoothing else ""

    @property
    def engine_name(self) -> Literal["plain", "trl"]:
        """The engine: the one asked for, else `plain` wherever one process is enough."""
        if self.engine != "auto":
            return self.engine
        return "trl" if self._beyond_plain or self.method == "reward" else "plain"

    @property
    def kl_weight(self) -> float:
        """`beta`, or the method's default; 0 for methods without a reference."""
        return self.beta if self.beta is not None else _BETA.get(self.method, 0.0)

    def to_json(self) -> Json:
        """All settings, defaults written out."""
        value: Json = self.model_dump(mode="json")
        return {**value, "beta": self.kl_weight}

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the outcome: two runs of one digest are one run."""
        value = self.to_json()
        for key in ("out", "trackers", "keep", "save_every", "log_every", "threads"):
            del value[key]
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


_ONLY: dict[str, tuple[str, ...]] = {
    "beta": ("dpo", "kto", *ONLINE),
    "sft": ("sft",),
    "dpo": ("dpo",),
    "kto": ("kto",),
    "rollouts": ONLINE,
}


def read_recipe(path: Path | str, method: str = "") -> Recipe:
    """A recipe from a file, its paths made absolute from the file's folder.

    `method`, where given, must be the recipe's, or stands in for it. Raises RecipeError.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}; name a recipe in YAML") from None
    return parse_recipe(raw, path.absolute().parent, str(path), method)


def parse_recipe(raw: bytes, folder: Path, name: str = "recipe", method: str = "") -> Recipe:
    """A recipe from its bytes; see `read_recipe`. Raises RecipeError."""
    if len(raw) > _MOST_BYTES:
        raise RecipeError(f"{name}: longer than {_MOST_BYTES:,} bytes; a recipe is a short file")
    try:
        value = yaml.safe_load(raw)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RecipeError(f"{name}: no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise RecipeError(f"{name}: write keys and values, such as method: dpo")
    if method and value.setdefault("method", method) != method:
        cure = f"run remit train {value['method']}, or change the recipe"
        raise RecipeError(f"{name}: method: {value['method']} is not {method}; {cure}")
    try:
        return _placed(Recipe.model_validate(value), folder)
    except ValidationError as error:
        raise RecipeError(_told(name, error)) from None


def _placed(recipe: Recipe, folder: Path) -> Recipe:
    held = recipe.eval
    if held:
        held = held.model_copy(update={"data": tuple(_at(folder, path) for path in held.data)})
    update: dict[str, Any] = {
        "data": tuple(_at(folder, path) for path in recipe.data),
        "out": _at(folder, recipe.out),
        "policy": _at(folder, recipe.policy) if recipe.policy else "",
        "model": _at(folder, recipe.model) if _local(recipe.model, folder) else recipe.model,
        "eval": held,
    }
    return recipe.model_copy(update=update)


def _local(model: str, folder: Path) -> bool:
    return model.startswith((".", "/", "~")) or (folder / model).is_dir()


def _at(folder: Path, path: str) -> str:
    return str(Path(folder, Path(path).expanduser()))


def _told(name: str, error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        said = str(problem["msg"]).removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            said = f"no such key; have {', '.join(_known(problem['loc']))}"
        elif problem["type"] == "missing":
            said = "is missing; write it"
        lines.append(f"{name}: {key}: {said}" if key else f"{name}: {said}")
    return "\n".join(lines)


def _known(place: tuple[int | str, ...]) -> list[str]:
    model: Any = Recipe
    for key in place[:-1]:
        field = model.model_fields.get(key) if isinstance(key, str) else None
        kinds = getattr(field.annotation, "__args__", (field.annotation,)) if field else ()
        model = next((kind for kind in kinds if hasattr(kind, "model_fields")), model)
    return list(model.model_fields)
