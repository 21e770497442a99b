"""The questions and answers of the house model, read from the files that are shipped with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

LANGUAGES = ("en", "nl")

# libyaml reads the files in 10 ms, the pure Python loader in 200; not every build has it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class EntryError(ValueError):
    """A file of answers is refused; the message names the entry and the cure."""


@dataclass(frozen=True, slots=True)
class Wording:
    """An entry in one language. `without` answers where nothing can fill `say`'s blanks."""

    ask: tuple[str, ...]
    say: str
    without: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing clients ask. `oversteps` names the rule that the answer breaks on purpose."""

    id: str
    wordings: Mapping[str, Wording]
    oversteps: str = ""


def shipped() -> dict[str, Entry]:
    """The entries in `answers/`, by id. Raises EntryError, naming the cure."""
    folder = files(__package__).joinpath("answers")
    names = sorted(part.name for part in folder.iterdir() if part.name.endswith(".yaml"))
    entries: dict[str, Entry] = {}
    for name in names:
        text = folder.joinpath(name).read_text(encoding="utf-8")
        for raw in yaml.load(text, Loader=_LOADER):  # noqa: S506 a safe loader
            entry = _entry(raw)
            if entry.id in entries:
                raise EntryError(f"{name}: entry {entry.id} is there twice; rename one")
            entries[entry.id] = entry
    return entries


def _entry(raw: Mapping[str, Any]) -> Entry:
    unknown = set(raw) - {"id", "oversteps", *LANGUAGES}
    if unknown or "id" not in raw:
        raise EntryError(f"entry {raw.get('id')}: has {sorted(raw)}; have id, oversteps, en, nl")
    wordings = {name: _wording(raw["id"], raw[name]) for name in LANGUAGES if name in raw}
    return Entry(raw["id"], wordings, raw.get("oversteps", ""))


def _wording(entry: str, raw: Mapping[str, str]) -> Wording:
    if not {"ask", "say"} <= set(raw) <= {"ask", "say", "without"}:
        raise EntryError(f"entry {entry}: has {sorted(raw)}; have ask, say and perhaps without")
    return Wording(tuple(raw["ask"].splitlines()), raw["say"], raw.get("without", ""))
