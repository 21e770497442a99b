"""Places in a row: the text at a path, and the row with another text there."""

from __future__ import annotations

import json
from typing import Any

from remit.types import Json

Path = tuple[str | int, ...]


def pointer(path: Path) -> str:
    """A path as a JSON Pointer (RFC 6901): one type of column, whatever the path is made of."""
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in path)


def found(value: Any, path: Path) -> Any:
    """What stands at a path, inside texts that are JSON too. Raises as `replaced` does."""
    try:
        for key in path:
            value = (json.loads(value) if isinstance(value, str) else value)[key]
    except LookupError:
        raise KeyError(f"the row has no {pointer(path)}") from None
    return value


def replaced(value: Json, path: Path, text: Any) -> Json:
    """The row with another text (or value) at a path; all that is not on the way there is shared.

    A path may go on inside a text that is JSON itself, as a tool call's arguments are. Raises
    KeyError where there is no such place, ValueError where a text on the way is no JSON.
    """
    try:
        return _replaced(value, path, text)  # type: ignore[no-any-return]
    except LookupError:
        raise KeyError(f"the row has no {pointer(path)}") from None


def _replaced(value: Any, path: Path, text: Any) -> Any:
    if not path:
        return text
    key, rest = path[0], path[1:]
    if isinstance(value, str):
        return json.dumps(_replaced(json.loads(value), path, text), ensure_ascii=False)
    if isinstance(value, dict):
        if key not in value:
            raise KeyError(key)
        # The same keys in the same order, with one value changed.
        return {
            name: _replaced(old, rest, text) if name == key else old for name, old in value.items()
        }
    if isinstance(value, list) and isinstance(key, int):
        copy = list(value)
        copy[key] = _replaced(value[key], rest, text)
        return copy
    raise KeyError(key)
