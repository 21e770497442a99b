"""Which kinds of detector there are: an explicit value, never a side effect of an import."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points

from remit.detectors import learned
from remit.detectors.base import ConfigError, Kind
from remit.detectors.echo import Echo
from remit.detectors.identifier import IdentifierKind
from remit.detectors.judge import Judge
from remit.detectors.pattern import Pattern
from remit.detectors.phrases import Phrases

GROUP = "remit.detectors"


@dataclass(frozen=True, slots=True)
class Registry:
    """Kinds by name."""

    kinds: Mapping[str, Kind]

    def kind(self, name: str) -> Kind:
        """The kind of this name. Raises ConfigError, naming what there is."""
        if name in self.kinds:
            return self.kinds[name]
        near = difflib.get_close_matches(name, self.kinds, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise ConfigError(f"no detector '{name}'; {hint}have {', '.join(sorted(self.kinds))}")


def registry(extra: Iterable[Kind] = (), *, plugins: bool = True) -> Registry:
    """The shipped kinds, the installed plug-ins (entry points `remit.detectors`), and `extra`.

    Raises ConfigError where two kinds claim one name.
    """
    kinds: dict[str, Kind] = {}
    found: list[Kind] = [Phrases(), Pattern(), IdentifierKind(), Echo(), Judge(), *learned.kinds()]
    if plugins:
        found += [point.load()() for point in entry_points(group=GROUP)]
    for kind in [*found, *extra]:
        if kind.name in kinds:
            raise ConfigError(f"two detectors are named '{kind.name}'; uninstall one")
        kinds[kind.name] = kind
    return Registry(kinds)
