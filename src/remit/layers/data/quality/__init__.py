"""Quality heuristics of the field as steps: Gopher, C4, FineWeb, and the language of a text.

    quality.step("gopher-quality", owner="Data engineer", min_words=20)
    quality.together("Data engineer", ("gopher-quality", "gopher-repetition", "fineweb"))

They judge documents; chat rows only for the `roles` asked. Needs numpy: `remit[data]`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from remit.layers.data.numeric import require_numpy
from remit.layers.data.rows import Step, Way

if TYPE_CHECKING:
    from remit.layers.data.quality.judgement import Heuristic
    from remit.layers.data.quality.words import Split

NAMES = ("gopher-quality", "gopher-repetition", "c4", "fineweb", "fineweb-pii", "language")
"""The heuristics there are."""


def step(
    name: str,
    owner: str,
    *,
    roles: Iterable[str] = ("document",),
    split: Split = "unicode",
    drop: Way = Way.DROP,
    **options: Any,
) -> Step:
    """One heuristic as a step; `options` are the fields of its class, defaults as published.

    `split` says what a word is: `unicode`, `whitespace`, or a function from a text to its words.
    `drop` may be `Way.TAG`, to keep what fails and say so. Raises ValueError for an unknown name
    or option, ImportError where numpy is missing.
    """
    return together(owner, (name,), roles=roles, split=split, drop=drop, **{name: options})


def together(
    owner: str,
    names: Iterable[str],
    *,
    roles: Iterable[str] = ("document",),
    split: Split = "unicode",
    drop: Way = Way.DROP,
    **options: dict[str, Any],
) -> Step:
    """Several heuristics as one step that finds the words once; marks carry the heuristic's name.

    `options` are given by heuristic: `together(owner, names, c4={"min_sentences": 3})`; a name
    with a hyphen as `**{"gopher-quality": {...}}`. Raises as `step` does.
    """
    names = tuple(names)
    if strangers := options.keys() - set(names):
        raise ValueError(f"options for {', '.join(sorted(strangers))}, which is not among {names}")
    if split not in ("unicode", "whitespace") and not callable(split):
        raise ValueError(f"no word splitter {split!r}; have unicode, whitespace, or a function")
    kinds = _kinds()
    from remit.layers.data.quality.steps import Quality

    return Quality(
        name="+".join(names),
        owner=owner,
        heuristics=tuple(_made(kinds, name, options.get(name, {})) for name in names),
        roles=frozenset(roles),
        split=split,
        drop=drop,
    )


def _made(kinds: dict[str, type[Any]], name: str, options: dict[str, Any]) -> Heuristic:
    if name not in kinds:
        raise ValueError(f"no quality step {name!r}; have {', '.join(NAMES)}")
    known = {field for field in kinds[name].__dataclass_fields__ if field != "name"}
    if strangers := options.keys() - known:
        raise ValueError(
            f"{name}: no option {', '.join(sorted(strangers))}; have {', '.join(sorted(known))}"
        )
    made: Heuristic = kinds[name](**options)
    return made


def _kinds() -> dict[str, type[Any]]:
    require_numpy("a quality step")
    from remit.layers.data.quality.c4 import C4
    from remit.layers.data.quality.fineweb import FineWeb
    from remit.layers.data.quality.gopher import GopherQuality
    from remit.layers.data.quality.language import Language
    from remit.layers.data.quality.personal import Personal
    from remit.layers.data.quality.repetition import GopherRepetition

    kinds = (GopherQuality, GopherRepetition, C4, FineWeb, Personal, Language)
    return dict(zip(NAMES, kinds, strict=True))
