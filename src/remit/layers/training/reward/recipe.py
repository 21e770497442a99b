"""The recipe of a reward model: strict YAML, as all recipes are.

method: reward
data: pairs.jsonl            # {prompt, chosen, rejected, margin?, meta: {rule}}
out: runs/reward
policy: remit.yaml           # needed for the feature `rules`
body: {features: [meaning, rules, length]}      # or {model: ./a-language-model}
members: 4
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from remit.layers.training.recipe_parts import Count, Names, Positive, Strict, Unit, Weight
from remit.layers.training.recipes import RecipeError
from remit.types import Json

FEATURES = ("meaning", "rules", "length", "conduct")
_MOST_BYTES = 1 << 20

Recipe_ = TypeVar("Recipe_", bound=BaseModel)


class Body(Strict):
    """What the heads stand on: frozen `features`, or a language `model` that is trained too.

    `pool`: a model that reads from left to right has seen all at its `last` token; one that reads
    both ways is read by the `mean`.
    """

    features: Names = ()
    model: str = ""
    pool: Literal["last", "mean"] = "last"
    max_length: Annotated[int, Field(ge=8, le=1_000_000)] = 512

    @model_validator(mode="after")
    def _one_of_two(self) -> Body:
        if bool(self.features) == bool(self.model):
            raise ValueError("write either features: [meaning, length] or model: FOLDER")
        return self


class RewardRecipe(Strict):
    """How a reward model is trained.

    `hold` is the share of prompts held back for calibration and figures; `held` names files of
    further pairs that are only measured. `ridge` is the weight of the heads' squared length in
    the loss, `centre` that of squared sums of a pair's rewards, which ties rewards to nought
    (J. Eisenstein et al. 2023). With `resample` each member learns from another bootstrap sample
    of the prompts: heads on frozen features would otherwise all come out the same.
    """

    method: Literal["reward"] = "reward"
    data: Names
    held: Names = ()
    out: str
    policy: str = ""
    body: Body
    members: Annotated[int, Field(ge=1, le=64)] = 4
    resample: bool = True
    hold: Unit = 0.2
    hidden: Annotated[int, Field(ge=0, le=16_384)] = 0
    epochs: Count = 30
    batch: Count = 64
    lr: Positive = 0.01
    weight_decay: Weight = 0.01
    ridge: Weight = 1.0
    centre: Weight = 0.01
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the outcome."""
        value = self.model_dump(mode="json")
        del value["out"]
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> Json:
        """All settings, defaults written out."""
        value: Json = self.model_dump(mode="json")
        return value


def read_reward_recipe(path: Path | str) -> RewardRecipe:
    """A recipe from a file, its paths made absolute from the file's folder. Raises RecipeError."""
    value, folder = read_yaml(path)
    recipe = parsed(RewardRecipe, value, str(path), folder, ("data", "held", "out", "policy"))
    unknown = [name for name in recipe.body.features if name not in FEATURES]
    if unknown:
        have = ", ".join(FEATURES)
        raise RecipeError(f"{path}: body.features: no feature '{unknown[0]}'; have {have}")
    return recipe


def read_yaml(path: Path | str) -> tuple[Any, Path]:
    """A YAML file's value and its folder. Raises RecipeError."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}; name a recipe in YAML") from None
    if len(raw) > _MOST_BYTES:
        raise RecipeError(f"{path}: over {_MOST_BYTES:,} bytes; a recipe is a short file")
    try:
        value = yaml.safe_load(raw)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError(f"{path}: no YAML: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(value, dict):
        raise RecipeError(f"{path}: a recipe is keys and values, such as method: reward")
    return value, path.absolute().parent


def parsed(
    model: type[Recipe_], value: Any, name: str, folder: Path, paths: tuple[str, ...]
) -> Recipe_:
    """A recipe of its model, with these keys' paths made absolute. Raises RecipeError."""
    try:
        recipe = model.model_validate(value)
    except ValidationError as error:
        raise RecipeError("\n".join(f"{name}: {_said(model, e)}" for e in error.errors())) from None
    update: dict[str, Any] = {}
    for key in paths:
        given = getattr(recipe, key)
        if isinstance(given, str):
            update[key] = str(Path(folder, Path(given).expanduser())) if given else ""
        else:
            update[key] = tuple(str(Path(folder, Path(one).expanduser())) for one in given)
    body = getattr(recipe, "body", None)
    if isinstance(body, Body) and body.model:
        place = str(Path(folder, Path(body.model).expanduser()))
        update["body"] = body.model_copy(update={"model": place})
    return recipe.model_copy(update=update)


def _said(model: type[BaseModel], error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{key}: no such key; have {', '.join(_fields(model, error['loc'][:-1]))}"
    if error["type"] == "missing":
        return f"{key}: is missing; write it"
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{key}: {said}" if key else said


def _fields(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    for key in place:
        field = model.model_fields.get(str(key))
        inner = field.annotation if field else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return list(model.model_fields)
