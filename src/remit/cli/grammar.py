"""A command line whose options and names may stand in any order."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any


class _Layout(argparse.RawDescriptionHelpFormatter):
    """As its parent, but for a column that fits the longest command: it forgets their indent."""

    def add_argument(self, action: argparse.Action) -> None:
        """Takes in an argument, and how long it is."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  it has no other name
            self._action_max_length += self._indent_increment


class Grammar(argparse.ArgumentParser):
    """As its parent, except that `scan REMIT --stage input FILE` is understood.

    argparse takes an optional name as absent once an option has followed the names before it
    (bpo-14191). Its remedy is `parse_known_intermixed_args`, which commands never call.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        settings.setdefault("formatter_class", _Layout)
        super().__init__(*args, **settings)
        self._within = False

    def parse_known_args(  # type: ignore[override]  # typeshed overloads it
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parses what it knows and answers the rest, as the parent does."""
        if self._within or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._within = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False
