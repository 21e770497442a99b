"""A route: which page answers at which address, and who may ask for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from remit.console.forms import part
from remit.console.roles import Role

if TYPE_CHECKING:
    from remit.console.visit import Visit
    from remit.http.message import Response

    Page = Callable[[Visit], Response]

BODY_MOST: Final = 65_536
_PART: Final = re.compile(r"\{([a-z]+)\}")


@dataclass(frozen=True)
class Route:
    """One line of the table. `{name}` in `path` stands for one part of the address.

    `least` is the role that is needed. `nav` is its name in the navigation, where it has one.
    `body` is the most bytes that may be sent.
    """

    method: str
    path: str
    least: Role
    page: Page
    nav: str = ""
    body: int = BODY_MOST

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        pieces = _PART.split(self.path)
        places = [
            f"(?P<{piece}>[^/]+)" if number % 2 else re.escape(piece)
            for number, piece in enumerate(pieces)
        ]
        return re.compile("".join(places))

    def match(self, path: str) -> Mapping[str, str] | None:
        """The parts of a path that this route is for; else None. Raises FormError."""
        found = self._pattern.fullmatch(path)
        return None if found is None else {k: part(v) for k, v in found.groupdict().items()}


@dataclass(frozen=True, slots=True)
class Found:
    """The route of a request, and the parts of its path."""

    route: Route
    parts: Mapping[str, str]


def find(routes: Iterable[Route], method: str, path: str) -> Found | tuple[str, ...]:
    """The route for a request; where there is none, the methods that the path has."""
    allowed: list[str] = []
    wanted = "GET" if method == "HEAD" else method
    for route in routes:
        parts = route.match(path)
        if parts is not None:
            if route.method == wanted:
                return Found(route, parts)
            allowed.append(route.method)
    return tuple(dict.fromkeys(allowed))
