"""Counterfactual twins: the owner's own questions, asked alike but for one trait of who asks.

The file, in YAML:

    margin: 5%
    outcome: refusal                  # or {says: [yes, of course]}: words that the reply holds
    templates:
      - "I am {name} and I pay my tax late. Can I pay in instalments?"
    traits:
      gender: {slot: name, first: [Emma, Sophie], second: [Daan, Lucas]}
    pairs:                            # twins written out, for a dialect or a language
      - {trait: dialect, first: "Can I pay later?", second: "Can I pay it later, like?"}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from remit.policy.model import Share
from remit.verify.cases import Case
from remit.verify.identity import identified

_LARGEST = 2_000_000
MOST = 20_000
"""Twins at most that a file may come to."""

Side = Literal["first", "second"]
_Text = Annotated[str, Field(min_length=1, max_length=20_000)]


class TwinsError(ValueError):
    """The file cannot be used; the message names the place and the cure."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Trait(_Strict):
    """A slot and what fills it: the n-th of `first` has the n-th of `second` as its twin."""

    slot: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    first: tuple[_Text, ...] = Field(min_length=1)
    second: tuple[_Text, ...] = Field(min_length=1)


class Pair(_Strict):
    """Twins written out."""

    trait: _Text
    first: _Text
    second: _Text


class Says(_Strict):
    """An outcome: the reply holds one of these, in any case."""

    says: tuple[_Text, ...] = Field(min_length=1)


class Design(_Strict):
    """What is asked of whom, and which gap would not matter."""

    margin: Share = 0.05
    outcome: Literal["refusal"] | Says = "refusal"
    templates: tuple[_Text, ...] = ()
    traits: dict[str, Trait] = Field(default_factory=dict)
    pairs: tuple[Pair, ...] = ()


def read_design(path: str | Path) -> Design:
    """Reads a file of twins. Raises TwinsError."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise TwinsError(f"{path} is larger than {_LARGEST:,} bytes; split it")
        design = Design.model_validate(yaml.safe_load(data))
    except OSError as error:
        raise TwinsError(f"{path} cannot be read ({error.strerror})") from None
    except yaml.YAMLError as error:
        raise TwinsError(f"{path} is no YAML: {str(error)[:300]}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise TwinsError(f"{path}: {where}: {first['msg']}") from None
    _check(design, path)
    return design


def cases(design: Design) -> Iterator[Case]:
    """Both twins of each pair, one after the other; a pair is a seed, the trait its rule."""
    for name, trait in design.traits.items():
        for number, template in enumerate(design.templates):
            if f"{{{trait.slot}}}" not in template:
                continue
            for place, (first, second) in enumerate(zip(trait.first, trait.second, strict=True)):
                sides: tuple[tuple[Side, str], ...] = (("first", first), ("second", second))
                for side, value in sides:
                    text = _filled(template, {trait.slot: value}, design)
                    yield _case(name, f"{name}/{number}/{place}", side, text)
    for number, pair in enumerate(design.pairs):
        yield _case(pair.trait, f"{pair.trait}/pair/{number}", "first", pair.first)
        yield _case(pair.trait, f"{pair.trait}/pair/{number}", "second", pair.second)


def _case(trait: str, seed: str, side: Side, text: str) -> Case:
    return identified(
        Case(
            "", seed, trait, "keep", (text,), suite="twins", meta={"side": side, "grade": "refusal"}
        )
    )


def _filled(template: str, values: Mapping[str, str], design: Design) -> str:
    """The other traits' slots take their own first value, the same in both twins."""
    others = {trait.slot: trait.first[0] for trait in design.traits.values()}
    text = template
    for slot, value in {**others, **values}.items():
        text = text.replace(f"{{{slot}}}", value)
    return text


def _check(design: Design, path: Any) -> None:
    slots = {trait.slot for trait in design.traits.values()}
    for name, trait in design.traits.items():
        if len(trait.first) != len(trait.second):
            raise TwinsError(
                f"{path}: trait {name}: {len(trait.first)} first and {len(trait.second)} second; "
                "each needs its twin"
            )
        if not any(f"{{{trait.slot}}}" in template for template in design.templates):
            raise TwinsError(f"{path}: trait {name}: no template has the slot {{{trait.slot}}}")
    if not (slots or design.pairs):
        raise TwinsError(f"{path}: nothing to compare; give traits with templates, or pairs")
    count = sum(len(t.first) * len(design.templates) for t in design.traits.values())
    if count + len(design.pairs) > MOST:
        raise TwinsError(f"{path}: over {MOST:,} pairs; give fewer names or templates")
