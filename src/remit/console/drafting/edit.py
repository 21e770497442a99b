"""Edits of a remit's text that touch one value and leave every comment and line break in place.

The text is cut where the value's characters stand, never written anew from the values. Afterwards
it is read again, and must hold exactly the values that were asked for: an edit that a file's style
does not allow is refused, never approximated. Pure.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import yaml

from remit.policy.source import Path, PolicyError, read_source

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_VALUES = ("true", "false", "null")


class EditError(ValueError):
    """The text cannot be edited at this place; the message says what to do instead."""


def set_value(text: str, path: Path, value: str | float) -> str:
    """The text with another scalar at `path`; its key is added where it is missing.

    Raises EditError.
    """
    root = _root(text)
    node = _at(root, path)
    if isinstance(node, yaml.ScalarNode):
        start, end = node.start_mark.index, _end(node, text)
        edited = text[:start] + _written(value, node) + text[end:]
        return _proved(text, edited, path, lambda parent, key: parent.__setitem__(key, value))
    if node is not None:
        raise EditError(f"{_name(path)} is no single value; edit it in the text")
    parent = _at(root, path[:-1])
    if not isinstance(parent, yaml.MappingNode):
        raise EditError(f"{_name(path[:-1])} is not there; add it in the text")
    edited = _add_key(text, parent, str(path[-1]), value)
    return _proved(text, edited, path, lambda owner, key: owner.__setitem__(key, value))


def add_item(text: str, path: Path, value: str | dict[str, str]) -> str:
    """The text with one more item at the end of the list at `path`, which may be missing.

    Raises EditError.
    """
    root = _root(text)
    node = _at(root, path)
    if node is None:
        parent = _at(root, path[:-1])
        if not isinstance(parent, yaml.MappingNode):
            raise EditError(f"{_name(path[:-1])} is not there; add it in the text")
        edited = _insert_key(text, parent, f"{path[-1]}: [{_inline(value)}]")
    elif isinstance(node, yaml.SequenceNode):
        edited = _add_to(text, node, value)
    else:
        raise EditError(f"{_name(path)} is no list; edit it in the text")

    def change(owner: Any, key: Any) -> None:
        owner[key] = [*(owner.get(key) or []), value]

    return _proved(text, edited, path, change)


def _proved(text: str, edited: str, path: Path, change: Callable[[Any, Any], None]) -> str:
    """The edited text, where it reads as the old one does after the same change of its values."""
    wanted = copy.deepcopy(read_source(text.encode(), "remit").value)
    owner = wanted
    for key in path[:-1]:
        owner = owner[key]
    change(owner, path[-1])
    try:
        found = read_source(edited.encode(), "remit").value
    except PolicyError:
        found = None
    if found != wanted:
        raise EditError(f"{_name(path)} is written in a way that is edited in the text only")
    return edited


# --- Places ------------------------------------------------------------------------------------


def _root(text: str) -> yaml.Node:
    read_source(text.encode(), "remit")  # bounds depth and size; refuses anchors and tags
    if text.startswith("\ufeff"):
        raise EditError("the file begins with a byte order mark; save it without")
    node = yaml.compose(text, Loader=_LOADER)
    if node is None:
        raise EditError("the remit is empty; start from a template")
    return node


def _at(node: yaml.Node | None, path: Path) -> yaml.Node | None:
    for part in path:
        if isinstance(node, yaml.MappingNode) and isinstance(part, str):
            node = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part] if part < len(node.value) else None
        else:
            return None
    return node


def _end(node: yaml.Node, text: str) -> int:
    """Where a value ends. Block collections and texts are said to reach into what follows."""
    if isinstance(node, yaml.ScalarNode):
        end: int = node.end_mark.index
        return node.start_mark.index + len(text[node.start_mark.index : end].rstrip())
    assert isinstance(node, yaml.CollectionNode)  # noqa: S101  YAML has no third kind
    if node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last, text)


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _name(path: Path) -> str:
    return ".".join(str(part) for part in path) or "the remit"


# --- Writing -----------------------------------------------------------------------------------


def _written(value: str | float, node: yaml.ScalarNode) -> str:
    """A value in the place of another, in its style where that can hold it."""
    return (
        value if isinstance(value, str) and not node.style and _is_word(value) else _inline(value)
    )


def _is_word(value: str) -> bool:
    """True for a word or a share, which needs no quotes."""
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z_-]*|\d+(\.\d+)?%", value)) and value not in _VALUES


def _inline(value: str | float | dict[str, str]) -> str:
    """A value on one line, as JSON, which YAML reads alike."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        # What JSON leaves as it is and a line of YAML may not hold.
        quoted = json.dumps(value, ensure_ascii=False)
        return "".join(
            char if char.isprintable() or char == " " else _escaped(char) for char in quoted
        )
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _add_key(text: str, parent: yaml.MappingNode, key: str, value: str | float) -> str:
    written = value if isinstance(value, str) and _is_word(value) else _inline(value)
    return _insert_key(text, parent, f"{key}: {written}")


def _insert_key(text: str, parent: yaml.MappingNode, line: str) -> str:
    if parent.flow_style:
        return _into_flow(text, parent, line)
    if not parent.value:
        raise EditError("an empty section is filled in the text only")
    column = parent.value[0][0].start_mark.column
    return _after(text, _end(parent, text), " " * column + line)


def _add_to(text: str, node: yaml.SequenceNode, value: str | dict[str, str]) -> str:
    if node.flow_style:
        return _into_flow(text, node, _inline(value))
    return _after(text, _end(node, text), " " * node.start_mark.column + f"- {_inline(value)}")


def _after(text: str, at: int, line: str) -> str:
    """A new line below the one in which `at` stands, so that a comment beside it stays there."""
    end = _line_end(text, at)
    return f"{text[:end]}\n{line}{text[end:]}"


def _into_flow(text: str, node: yaml.CollectionNode, entry: str) -> str:
    """One more entry before the closing bracket; on a line of its own where the others are."""
    close = node.end_mark.index - 1
    if not node.value:
        return text[:close].rstrip() + entry + text[close:]
    last = node.value[-1]
    at = _end(last[1] if isinstance(last, tuple) else last, text)
    between = text[at:close]
    if "#" in between:
        raise EditError("a comment stands before the closing bracket; edit it in the text")
    first = node.value[0][0] if isinstance(node.value[0], tuple) else node.value[0]
    lined = first.start_mark.line > node.start_mark.line
    joint = ",\n" + " " * first.start_mark.column if lined else ", "
    return text[:at] + joint + entry + between.replace(",", "", 1) + text[close:]


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
