"""How an assistant is watched in production: the key `monitor:` of a remit.

`sample` is the share of conversations whose delivered answers the rules' auditors judge, so that
what the guard misses is estimated; `canary` how often the same fixed cases are put to the model;
`alerts` who is told. Secrets are named by their environment variable and never stand in the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_ADDRESS = r"^[^@\s<>]+@[^@\s<>]+$"
_WEB = r"^https?://[^\s/@]+(/\S*)?$"
_WAYS = ("webhook", "email", "slack")


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def _share(value: object) -> object:
    if isinstance(value, str):
        match = _SHARE.fullmatch(value.strip())
        if not match:
            raise ValueError("write a share such as 10% or 0.1")
        return float(Decimal(match[1]) / 100)
    return value


class Alert(_Frozen):
    """Somebody who is told of an alarm: by exactly one of `webhook`, `email` and `slack`.

    `secret_env` names the environment variable that holds what signs a webhook; `url_env` the one
    that holds an address which is itself a secret, as Slack's are.
    """

    webhook: Annotated[str, Field(pattern=_WEB, max_length=2000)] | None = None
    email: Annotated[str, Field(pattern=_ADDRESS, max_length=320)] | None = None
    slack: Annotated[str, Field(pattern=_WEB, max_length=2000)] | None = None
    secret_env: Annotated[str, Field(pattern=_VARIABLE, max_length=200)] | None = None
    url_env: Annotated[str, Field(pattern=_VARIABLE, max_length=200)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, value: object) -> object:
        """`slack: {url_env: NAME}` is the address in that variable."""
        if isinstance(value, Mapping) and isinstance(value.get("slack"), Mapping):
            inner = value["slack"]
            if set(inner) == {"url_env"}:
                return {**value, "slack": None, "url_env": inner["url_env"]}
            raise ValueError("write slack: https://…, or slack: {url_env: NAME}")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Alert:
        ways = [way for way in _WAYS if getattr(self, way) is not None]
        if len(ways) + (self.url_env is not None) != 1:
            raise ValueError(f"an alert goes one way; give one of {', '.join(_WAYS)}")
        if self.secret_env is not None and self.webhook is None:
            raise ValueError("secret_env signs a webhook; leave it out elsewhere")
        return self


class Monitoring(_Frozen):
    """The key `monitor:`. Every part is optional."""

    sample: Annotated[float, BeforeValidator(_share), Field(ge=0.001, le=1)] = 0.1
    canary: Literal["hourly", "daily", "weekly", "off"] = "daily"
    alerts: tuple[Alert, ...] = ()

    @field_validator("canary", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        return "off" if value is False else value  # YAML 1.1 reads `off` as false

    @property
    def canary_hours(self) -> int | None:
        """Hours between two canary runs; None where there are none."""
        return {"hourly": 1, "daily": 24, "weekly": 168, "off": None}[self.canary]


USUAL = Monitoring()
"""What holds where the remit says nothing. The canary then runs only when it is asked to."""
