"""Conversations as their turns, however the caller writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from remit.types import Message, Stage

Turn = Message | Mapping[str, Any]


def as_turns(messages: Sequence[Turn]) -> tuple[Message, ...]:
    """Messages of ours as they are, and those of the wire (`role`, `content`, `name`) read."""
    return tuple(m if isinstance(m, Message) else _message(m) for m in messages)


def _message(value: Mapping[str, Any]) -> Message:
    return Message(
        str(value.get("role", "user")),
        content_text(value.get("content")),
        str(value.get("name") or ""),
    )


def content_text(content: object) -> str:
    """The text of a message's content: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        parts = (p.get("text") for p in content if isinstance(p, Mapping))
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def stage_of(turn: Message) -> Stage:
    """Where a message that comes in is judged."""
    return Stage.TOOL if turn.role in ("tool", "function") else Stage.INPUT


def newest_turn(turns: Sequence[Message]) -> int:
    """The index after the last message of the assistant: from there on all is new."""
    for index in range(len(turns) - 1, -1, -1):
        if turns[index].role == "assistant" and index < len(turns) - 1:
            return index + 1
    return 0
