"""Which texts a row holds: documents, chats, prompts and replies, preference pairs, tool calls.

A column that is not known here is not read. So that this is no silent gap, a row without any known
column is not clean but unreadable, and further columns can be named (`columns`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from remit.layers.data.calls import judged
from remit.layers.data.rows import Segment
from remit.types import Json

Path = tuple[str | int, ...]

CONVERSATIONS = ("messages", "conversations", "conversation")
# Text or a conversation; the role of a plain text.
TURNS: Mapping[str, str] = {
    "prompt": "user",
    "completion": "assistant",
    "chosen": "assistant",
    "rejected": "assistant",
}
ROLES: Mapping[str, str] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "tool": "tool",
    "function": "tool",
    "ipython": "tool",
    "observation": "tool",
}
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "refusal")
_KNOWN = ("text", *CONVERSATIONS, *TURNS)
# Names and marks of a content part, which nobody says.
_SILENT = ("type", "id", "tool_use_id", "media_type", "cache_control", "signature")


class UnreadableError(ValueError):
    """A row that cannot be judged; the message says why."""


def texts(row: Json, columns: Mapping[str, str]) -> tuple[Segment, ...]:
    """The texts of a row in reading order. `columns` names further ones, with their roles.

    Raises UnreadableError where a known column holds neither text nor messages, or none is there.
    """
    found: list[Segment] = []
    known = False
    for name in (*_KNOWN, *(column for column in columns if column not in _KNOWN)):
        if name not in row:
            continue
        value = row[name]
        known = True
        if value is None:
            continue
        role = columns.get(name) or TURNS.get(name, "document")
        if isinstance(value, str) and name not in CONVERSATIONS:
            found.append(Segment(role, (name,), value))
        elif isinstance(value, list) and name != "text":
            found += _conversation((name,), value, role)
        else:
            raise UnreadableError(f"{name} is {_kind(value)}, where text or messages belong")
    if not known:
        have = ", ".join(sorted(row)[:8]) or "none"
        raise UnreadableError(f"no column with text (have {have}); name it with --column")
    return tuple(found)


def _conversation(path: Path, messages: list[Any], role: str) -> Iterator[Segment]:
    for index, message in enumerate(messages):
        where = (*path, index)
        if isinstance(message, str):
            yield Segment(role, where, message)
        elif isinstance(message, dict):
            yield from _message(where, message)
        else:
            raise UnreadableError(f"{_written(where)} is {_kind(message)}, where a message belongs")


def _message(path: Path, message: Json) -> Iterator[Segment]:
    said = message.get("role", message.get("from", ""))
    if not isinstance(said, str):
        raise UnreadableError(f"{_written(path)}.role is {_kind(said)}, where a name belongs")
    role = ROLES.get(said.lower(), "document")
    for key in _THOUGHTS:
        if isinstance(message.get(key), str):
            yield Segment(role, (*path, key), message[key])
    for key in ("content", "value", "text"):
        if key in message:
            yield from _content((*path, key), message[key], role)
    for key in ("tool_calls", "function_call"):
        if message.get(key) is not None:
            yield from _calls((*path, key), message[key])


def _content(path: Path, content: Any, role: str) -> Iterator[Segment]:
    if content is None:
        return
    if isinstance(content, str):
        yield Segment(role, path, content)
    elif isinstance(content, list):
        for index, part in enumerate(content):
            kind = part.get("type", "") if isinstance(part, dict) else ""
            speaker = "tool" if kind in ("tool_result", "tool_use") else role
            where = (*path, index)
            if kind == "tool_use" and "input" in part:
                yield from _leaves(where, {k: v for k, v in part.items() if k != "input"}, speaker)
                yield _arguments((*where, "input"), part["input"])
            else:
                yield from _leaves(where, part, speaker)
    elif isinstance(content, dict):
        yield from _leaves(path, content, role)
    else:
        raise UnreadableError(f"{_written(path)} is {_kind(content)}, where text belongs")


def _calls(path: Path, calls: Any) -> Iterator[Segment]:
    """The arguments of each call."""
    for index, call in enumerate(calls) if isinstance(calls, list) else ((None, calls),):
        where = path if index is None else (*path, index)
        if not isinstance(call, dict):
            raise UnreadableError(f"{_written(where)} is {_kind(call)}, where a call belongs")
        inner = call.get("function")
        body, at = call, where
        if isinstance(inner, dict):
            body, at = inner, (*where, "function")
        for key in ("arguments", "input", "args"):
            if body.get(key) is not None:
                yield _arguments((*at, key), body[key])


def _arguments(path: Path, value: Any) -> Segment:
    try:
        return Segment("tool", path, judged(value))
    except RecursionError:
        raise UnreadableError(f"{_written(path)} is nested too deep") from None


def _leaves(path: Path, value: Any, role: str) -> Iterator[Segment]:
    """Every text in a value, in order. No recursion: the depth is the row's, not ours."""
    todo: list[tuple[Path, Any]] = [(path, value)]
    while todo:
        where, item = todo.pop()
        if isinstance(item, str):
            yield Segment(role, where, item)
        elif isinstance(item, dict):
            todo += [
                ((*where, key), inner)
                for key, inner in reversed(item.items())
                if not (key in _SILENT and isinstance(inner, str))
            ]
        elif isinstance(item, list):
            todo += [((*where, index), item[index]) for index in range(len(item) - 1, -1, -1)]


def _kind(value: Any) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text"}
    return kinds.get(type(value), "an object" if isinstance(value, dict) else "a list")


def _written(path: Path) -> str:
    return ".".join(str(key) for key in path)
