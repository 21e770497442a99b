"""The parts of a recipe that one method or one way of running has, each strict by itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from remit.types import Json


class Strict(BaseModel):
    """Knows its keys, refuses others, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def several(value: object) -> object:
    """One text stands for a list of one."""
    return (value,) if isinstance(value, str) else value


def number(value: object) -> object:
    """A number that YAML took for a text."""
    # YAML 1.1 reads 5e-4, without a point, as a text.
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


Names = Annotated[tuple[str, ...], BeforeValidator(several)]
Positive = Annotated[float, BeforeValidator(number), Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, BeforeValidator(number), Field(ge=0, allow_inf_nan=False)]
Unit = Annotated[float, BeforeValidator(number), Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class Lora(Strict):
    """Low-rank adapters (arXiv 2106.09685) through PEFT; `quantise: 4` makes it QLoRA.

    What is trained is kept as an adapter, and merged into the model that a run ends with; of a
    quantised model only the adapter is kept.
    """

    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    alpha: Positive = 32.0
    dropout: Unit = 0.0
    targets: Names = ("all-linear",)
    quantise: Literal[4, 8] | None = None


class Preference(Strict):
    """DPO: `sigmoid` (arXiv 2305.18290) or `ipo` (arXiv 2310.12036).

    `label_smoothing` is the share of labels taken to be wrong (conservative DPO); what reviewers
    disagree on belongs here.
    """

    loss: Literal["sigmoid", "ipo"] = "sigmoid"
    label_smoothing: Annotated[float, BeforeValidator(number), Field(ge=0, lt=0.5)] = 0.0


class Unpaired(Strict):
    """KTO (arXiv 2402.01306): the weights of wanted and unwanted rows.

    With `balanced`, the smaller class' weight is raised so that weight times count is equal.
    """

    desirable: Weight = 1.0
    undesirable: Weight = 1.0
    balanced: bool = False


class Imitation(Strict):
    """SFT: what the loss is taken on; `all` counts the prompt too, as pre-training does."""

    loss_on: Literal["completion", "all"] = "completion"


class Rollouts(Strict):
    """RLOO and GRPO: how completions are sampled and what they are worth.

    `group` completions a prompt are compared with each other. `rewards` are kinds with their
    setting, such as `rules: all`; `weights` by the reward's name, 1 where absent.
    `iterations` is how often a batch of completions is learnt from. `clip` is PPO's epsilon.
    """

    rewards: tuple[Json, ...] = ()
    weights: dict[str, float] = {}
    group: Annotated[int, Field(ge=2, le=1024)] = 4
    max_tokens: Count = 128
    temperature: Positive = 1.0
    clip: Annotated[float, BeforeValidator(number), Field(gt=0, lt=1)] = 0.2
    iterations: Annotated[int, Field(ge=1, le=64)] = 1
    aggregate: Literal["normalize_then_sum", "sum_then_normalize"] = "normalize_then_sum"
    vllm: Literal["colocate", "server"] | None = None


class Held(Strict):
    """Rows that are measured and not learnt from, every so many steps."""

    data: Names
    every: Count = 100


class Distributed(Strict):
    """Several processes or machines, by accelerate; `config` is one of those shipped, or a file."""

    config: str = "fsdp2"
    processes: Count = 1
    machines: Count = 1
    rank: Annotated[int, Field(ge=0)] = 0
    address: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 29500
