"""Who may decide: a person who came in by a door that knows people, and never a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from remit.evidence import CaseError

AUTOMATIC: Final = "remit"
"""Who did what the remit itself says: it begins and lifts measures, and approves nothing."""

Door = Literal["console", "command", "key"]
_NO_PERSON: Final = frozenset({AUTOMATIC, "model", "assistant", "system", "tool", "user"})
_NAME_MOST: Final = 120


class PersonError(CaseError):
    """Whoever is named is no person who may decide; the message names the cure."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who decides, as the door knows them: a console account, the holder of a reviewer's
    key, or whoever runs commands on the record's own machine.

    Made by doors alone, after they have checked who it is. Nothing that a model says or calls
    reaches one. Raises PersonError for names that stand for a machine.
    """

    name: str
    door: Door
    admin: bool = False

    def __post_init__(self) -> None:
        name = self.name
        if not name.strip() or len(name) > _NAME_MOST or not name.isprintable():
            raise PersonError(f"who: give a person's name, of 1 to {_NAME_MOST} characters")
        if name.strip().casefold() in _NO_PERSON:
            raise PersonError(f"who: '{name}' is no person; only people approve, release and undo")
