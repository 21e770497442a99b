"""The recipe of Constitutional AI: strict YAML.

method: constitution
model: runs/sft/final        # a local model; or `asked`, where --model names an address
policy: remit.yaml
prompts: red-team.jsonl      # {prompt}, as texts or messages
out: runs/constitution
critic: detectors            # self, asked, or detectors
revise: resample             # model, resample, or answer
sft: {lr: 0.0005, epochs: 2}
then: {method: dpo, lr: 0.0001}
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from remit.layers.training.recipe_parts import Names, Positive, Strict
from remit.layers.training.recipes import Recipe, RecipeError, parse_recipe
from remit.layers.training.reward.recipe import parsed, read_yaml
from remit.types import Json

ASKED = "asked"
_SET_HERE = ("model", "data", "out", "policy")


class ConstitutionRecipe(Strict):
    """How both phases are done.

    `critic`: the model `self`, another model that is `asked`, or the remit's `detectors`.
    `revise`: the critic's `model` writes anew; the model is sampled again (`resample`); or the
    rule's own `answer` stands in. `sft` and `then` hold settings of those recipes; without `sft`
    only rows are written, without `then` only phase one is done.
    """

    method: Literal["constitution"] = "constitution"
    model: str
    policy: str
    prompts: Names
    out: str
    rules: Names = ()
    critic: Literal["self", "asked", "detectors"] = "detectors"
    revise: Literal["model", "resample", "answer"] = "resample"
    revisions: Annotated[int, Field(ge=1, le=64)] = 4
    samples: Annotated[int, Field(ge=1, le=64)] = 1
    compared: Annotated[int, Field(ge=1, le=64)] = 1
    temperature: Positive = 1.0
    max_tokens: Annotated[int, Field(ge=1, le=100_000)] = 128
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    sft: Json | None = None
    then: Json | None = None

    @field_validator("sft", "then")
    @classmethod
    def _left_to_us(cls, value: Json | None) -> Json | None:
        for key in _SET_HERE:
            if value and key in value:
                raise ValueError(f"{key} is settled by the phase; leave it out")
        return value

    @model_validator(mode="after")
    def _possible(self) -> ConstitutionRecipe:
        if self.then is not None and self.sft is None:
            raise ValueError("phase two samples the model that phase one trained; add sft:")
        if self.model == ASKED and self.sft is not None:
            raise ValueError("a model behind an address cannot be trained here; leave out sft:")
        if self.revise == "model" and self.critic == "detectors":
            raise ValueError("detectors write no replies; take revise: resample or answer")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the outcome."""
        value = self.model_dump(mode="json")
        del value["out"]
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

    def phase(self, which: Literal["sft", "then"], data: Path, model: str) -> Recipe:
        """The recipe of a phase's training. Raises RecipeError for what is refused."""
        settings: Json = dict((self.sft if which == "sft" else self.then) or {})
        method = "sft" if which == "sft" else settings.get("method", "dpo")
        if which == "then" and method not in ("dpo", "rloo", "grpo"):
            raise RecipeError(f"then: method: {method}; have dpo, rloo, grpo")
        out = Path(self.out, which if which == "sft" else method)
        value: dict[str, Any] = {
            **settings,
            "method": method,
            "model": model,
            "data": str(data),
            "out": str(out),
            "policy": self.policy,
        }
        return parse_recipe(json.dumps(value).encode(), Path(self.out), f"{which}:")


def read_constitution(path: Path | str) -> ConstitutionRecipe:
    """A recipe from a file, its paths made absolute from the file's folder. Raises RecipeError."""
    value, folder = read_yaml(path)
    recipe = parsed(ConstitutionRecipe, value, str(path), folder, ("prompts", "out", "policy"))
    if recipe.model == ASKED:
        return recipe
    place = Path(folder, Path(recipe.model).expanduser())
    return recipe.model_copy(update={"model": str(place)})
