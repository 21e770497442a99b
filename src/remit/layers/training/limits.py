"""When an alarm ends a training: the recipe's `alarms:`. What sounds them is in `alarms`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """When an alarm sounds. A limit of None is never reached; the recipe's `alarms:`.

    `window` is how many steps make the beginning, and how many the present. `kl` is in nats a
    completion; `length` and `entropy` are against the beginning's; `chosen` is by how many nats
    the chosen replies' log-probability may fall below the beginning's. `confidence` is that of
    all looks at divergence together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    window: Annotated[int, Field(ge=1, le=10_000)] = 5
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    kl: Annotated[float, Field(gt=0)] | None = 50.0
    length: Annotated[float, Field(gt=1)] | None = 2.0
    entropy: Annotated[float, Field(gt=0, lt=1)] | None = 0.1
    chosen: Annotated[float, Field(gt=0)] | None = 50.0
    fewest: Annotated[int, Field(ge=2, le=1_000_000)] = 20
