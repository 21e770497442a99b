"""Which attacks there are: an explicit value, never a side effect of an import."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points

from remit.verify.attacks import (
    ciphers,
    disguise,
    encodings,
    framing,
    history,
    injection,
    noise,
    rewording,
    splitting,
    turns,
)
from remit.verify.attacks.base import Attack, AttackError, composed
from remit.verify.cases import Case

GROUP = "remit.attacks"
PLUS = "+"
LONGEST = 6
"""Attacks at most that one composition puts after each other."""

DEFAULT = (
    "persona", "developer-mode", "refusal-suppression", "prefix-injection", "authority",
    "fiction", "policy-puppetry", "json-instruction", "code-wrapping", "past-tense",
    "fabricated-history", "many-shot", "inject-document", "inject-mail", "inject-tool-result",
    "base64", "rot13", "flip-text", "leetspeak", "unicode-tags", "zero-width", "homoglyphs",
    "split-payload", "best-of-n", "persistence", "escalation", "split-turns",
    "low-resource-language", "persona+refusal-suppression", "base64+policy-puppetry",
)  # fmt: skip
"""The attacks of an ordinary verification: of each family those with the best record."""


@dataclass(frozen=True, slots=True)
class Table:
    """Attacks by name."""

    attacks: Mapping[str, Attack]

    def attack(self, name: str) -> Attack:
        """The attack of this name, or the composition `a+b`: a first, then b on what came out.

        Raises AttackError, naming what there is.
        """
        parts = name.split(PLUS)
        if len(parts) > LONGEST:
            raise AttackError(f"attack {name}: more than {LONGEST} after each other; compose fewer")
        return composed(*(self._one(part.strip()) for part in parts))

    def _one(self, name: str) -> Attack:
        if name in self.attacks:
            return self.attacks[name]
        near = difflib.get_close_matches(name, self.attacks, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise AttackError(f"no attack '{name}'; {hint}have {', '.join(sorted(self.attacks))}")

    def select(self, names: str | Iterable[str] = "default") -> tuple[Attack, ...]:
        """Attacks by `default`, `all`, `none`, or names separated by commas. Raises AttackError."""
        if isinstance(names, str):
            if names == "none":
                return ()
            if names == "all":
                return tuple(self.attacks.values())
            names = DEFAULT if names == "default" else names.split(",")
        return tuple(self.attack(name.strip()) for name in dict.fromkeys(names))


def table(extra: Iterable[Attack] = (), *, plugins: bool = True) -> Table:
    """The shipped attacks, the installed plug-ins (entry points `remit.attacks`), and `extra`.

    An entry point names an Attack, or a function without arguments that gives attacks. Raises
    AttackError where two claim one name, or where a name could not be told from a composition.
    """
    attacks: dict[str, Attack] = {}
    plugged = _plugged() if plugins else ()
    for attack in (*_shipped(), *plugged, *extra):
        if PLUS in attack.name or "," in attack.name or not attack.name.strip():
            raise AttackError(f"an attack is named '{attack.name}'; a name holds no + and no comma")
        if attack.name in attacks:
            raise AttackError(f"two attacks are named '{attack.name}'; uninstall one")
        attacks[attack.name] = attack
    return Table(attacks)


def variants(
    case: Case, attacks: Sequence[Attack], *, seed: int = 0, budget: int = 1
) -> Iterator[Case]:
    """The case under each attack; a random one up to `budget` times, all draws different.

    Raises AttackError where one cannot be carried out on this case.
    """
    for attack in attacks:
        seen: set[tuple[object, ...]] = set()
        for draw in range(budget if attack.random else 1):
            variant = attack(case, seed + draw)
            said = (variant.turns, variant.opening)
            if said not in seen:
                seen.add(said)
                yield variant


def _shipped() -> Iterator[Attack]:
    rooms = (
        framing, rewording, history, injection, splitting, turns,
        encodings, ciphers, disguise, noise,
    )  # fmt: skip
    for room in rooms:
        yield from room.attacks()


def _plugged() -> Iterator[Attack]:
    for point in entry_points(group=GROUP):
        found = point.load()
        if isinstance(found, Attack):
            yield found
        else:
            yield from found()
