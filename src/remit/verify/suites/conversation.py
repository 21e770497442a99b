"""Messages as files hold them, and how they become a case: what stood before, and what is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from remit.types import Message
from remit.verify.cases import Aim, Case
from remit.verify.identity import identified
from remit.verify.suites.errors import SuiteError

_ROLES = {"developer": "system", "function": "tool", "human": "user", "ai": "assistant"}
_KNOWN = ("system", "user", "assistant", "tool")
MAX_MESSAGES = 10_000


def messages(value: object, where: str) -> list[Message]:
    """Messages as `{role, content}` or `{role, text}`. Raises SuiteError."""
    if not isinstance(value, list) or len(value) > MAX_MESSAGES:
        raise SuiteError(f"{where}: messages is no list of at most {MAX_MESSAGES:,}")
    return [_message(item, f"{where}: message {n}") for n, item in enumerate(value, 1)]


def put(said: Sequence[Message], where: str) -> tuple[tuple[Message, ...], str]:
    """What stood before, and the last thing that the user said.

    What came after it, a tool's result or the beginning of an answer, is put before it: a case
    begins with the user's turn. Raises SuiteError where the user said nothing.
    """
    asked = [n for n, message in enumerate(said) if message.role == "user" and message.text.strip()]
    if not asked:
        raise SuiteError(f"{where}: the user says nothing; give a message with role user")
    last = asked[-1]
    later = tuple(message for message in said[last + 1 :] if message.text)
    return (*said[:last], *later), said[last].text


def case_of(
    blank: Case,
    turn: Any,
    where: str,
    *,
    aim: Aim,
    opening: tuple[Message, ...] = (),
    confidential: tuple[str, ...] = (),
    meta: Mapping[str, Any] | None = None,
) -> Case:
    """A case of one turn. Raises SuiteError where the turn is no text, or empty."""
    if not isinstance(turn, str):
        raise SuiteError(f"{where}: what is asked is no text but {type(turn).__name__}")
    if not turn.strip():
        raise SuiteError(f"{where}: nothing is asked; fill the column")
    kept = {key: _told(value) for key, value in (meta or {}).items() if value not in (None, "")}
    return identified(
        Case(
            id="",
            seed=blank.seed,
            rule=blank.rule,
            aim=aim,
            turns=(turn,),
            opening=opening,
            confidential=confidential,
            suite=blank.suite,
            language=blank.language,
            meta={**blank.meta, **kept},
        )
    )


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=True, sort_keys=True)


def _message(value: object, where: str) -> Message:
    if not isinstance(value, Mapping):
        raise SuiteError(f"{where} is no mapping; write {{role, content}}")
    role = str(value.get("role", value.get("from", "")))
    role = _ROLES.get(role, role)
    if role not in _KNOWN:
        raise SuiteError(f"{where}: no role '{role}'; have {', '.join(_KNOWN)}")
    content = value.get("content", value.get("text", value.get("value")))
    return Message(role, _text(content, where), str(value.get("name") or ""))


def _text(content: object, where: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        raise SuiteError(f"{where}: content is neither text nor parts")
    parts = []
    for part in content:
        if isinstance(part, str):
            parts.append(part)
        elif isinstance(part, Mapping) and isinstance(part.get("text", part.get("content")), str):
            parts.append(str(part.get("text", part.get("content"))))
        else:
            raise SuiteError(f"{where}: a part without text; images and sound cannot be put")
    return "\n".join(parts)
