"""From the words of a target to the model behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from remit.models.base import Model
from remit.models.response import ClientLimits

_ANTHROPIC = "anthropic+"
_LIMITS = ClientLimits(body_bytes=4_000_000)


class TargetError(ValueError):
    """A target cannot be opened; the message names it and the cure."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a model is, and which model to ask for there.

    `house`, `house-small`, `house-small:FOLDER`, `scripted:FILE`, or a URL.
    """

    name: str
    where: str
    model_id: str = ""

    @property
    def host(self) -> str:
        """The host of a URL, else empty. A key belongs to one host."""
        return urlsplit(self.where.removeprefix(_ANTHROPIC)).hostname or ""

    @property
    def is_anthropic(self) -> bool:
        """True where Anthropic's messages format is spoken."""
        return self.where.startswith(_ANTHROPIC) or self.host == "api.anthropic.com"


def address(text: str) -> Address:
    """Reads `[NAME=]WHERE[,MODEL]`. Raises TargetError."""
    name, given, where = text.partition("=")
    if not given or "/" in name or ":" in name:
        name, where = "", text
    if where.startswith("scripted:"):
        return Address(name or "scripted", where)
    where, _, model_id = where.partition(",")
    if where == "house":
        return Address(name or "house", where, model_id or "remit-house-demo")
    if where == "house-small" or where.startswith("house-small:"):
        return Address(name or "house-small", where, model_id or "remit-house-small")
    parts = urlsplit(where.removeprefix(_ANTHROPIC))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TargetError(
            f"no target '{text}'; give house, house-small, scripted:FILE, an address "
            "such as http://localhost:11434/v1,llama3.2, or https://api.anthropic.com,MODEL"
        )
    return Address(name or model_id or parts.netloc, where, model_id)


def opened(place: Address, key: str | None = None, seconds: float = 180.0) -> Model:
    """The model at an address, given so many seconds for a reply. Raises TargetError."""
    if place.where == "house":
        from remit.models.house import House

        return House.load(delay=0)
    if place.where.startswith("house-small"):
        return _small(place.where.partition(":")[2])
    if place.where.startswith("scripted:"):
        return _scripted(place.where.removeprefix("scripted:"))
    # A whole reply comes all at once, so that any silence in it may take as long as the reply.
    limits = replace(_LIMITS, first_byte_seconds=seconds, between_bytes_seconds=seconds)
    try:
        if place.is_anthropic:
            from remit.models.anthropic import Anthropic

            return Anthropic(place.where.removeprefix(_ANTHROPIC), key, limits=limits)
        from remit.models.openai import OpenAICompatible

        return OpenAICompatible(place.where, key, limits=limits)
    except ValueError as error:
        raise TargetError(f"target {place.name}: {error}") from None


def _small(folder: str) -> Model:
    from remit.models.house.small import SHIPPED, HouseError, SmallHouse

    try:
        return SmallHouse.load(Path(folder) if folder else SHIPPED)
    except HouseError as error:
        raise TargetError(f"target house-small: {error}") from None


def _scripted(path: str) -> Model:
    from remit.models.scripted import Scripted, ScriptError

    try:
        return Scripted.from_file(path)
    except (ScriptError, OSError) as error:
        raise TargetError(f"target scripted:{path}: {error}") from None
