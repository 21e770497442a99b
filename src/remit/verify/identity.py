"""What makes a case the same case, and a suite the same suite: hashes of their meaning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace

from remit.types import Json, Message
from remit.verify.cases import Case

ID_LENGTH = 16
"""Hexadecimal digits of a case's id: 64 bits, so a million cases collide once in 37 million."""


def as_json(case: Case) -> Json:
    """The case as JSON values; `from_json` reads it back."""
    return {
        "id": case.id,
        "seed": case.seed,
        "rule": case.rule,
        "aim": case.aim,
        "turns": list(case.turns),
        "opening": [{"role": m.role, "text": m.text, "name": m.name} for m in case.opening],
        "confidential": list(case.confidential),
        "suite": case.suite,
        "attack": case.attack,
        "language": case.language,
        "meta": dict(case.meta),
    }


def from_json(value: Json) -> Case:
    """A case from what `as_json` wrote. Raises ValueError, naming the key and the cure."""
    for key in ("seed", "rule", "aim", "turns"):
        if key not in value:
            raise ValueError(f"a case needs '{key}'; write cases with suites.write")
    if value["aim"] not in ("break", "keep"):
        raise ValueError(f"aim '{value['aim']}' is none; have break, keep")
    turns = _texts(value["turns"], "turns")
    if not turns:
        raise ValueError("turns: a case needs at least one turn of the user")
    case = Case(
        id="",
        seed=str(value["seed"]),
        rule=str(value["rule"]),
        aim=value["aim"],
        turns=turns,
        opening=tuple(_message(m) for m in _list(value.get("opening", []), "opening")),
        confidential=_texts(value.get("confidential", []), "confidential"),
        suite=str(value.get("suite", "remit")),
        attack=str(value.get("attack", "")),
        language=str(value.get("language", "en")),
        meta=_meta(value.get("meta", {})),
    )
    return identified(case)


def canonical(case: Case) -> bytes:
    """The case's meaning as bytes: canonical JSON of everything but its id."""
    value = as_json(case)
    del value["id"]
    # ASCII with escapes, so that a lone surrogate in a hostile file has a hash too.
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def identified(case: Case) -> Case:
    """The case under its own id: the beginning of the SHA-256 of its canonical bytes."""
    return replace(case, id=hashlib.sha256(canonical(case)).hexdigest()[:ID_LENGTH])


def suite_hash(cases: Iterable[Case]) -> str:
    """SHA-256 over the cases' own hashes, sorted: the order of a suite has no meaning."""
    hashes = sorted(hashlib.sha256(canonical(case)).digest() for case in cases)
    return hashlib.sha256(b"".join(hashes)).hexdigest()


def _list(value: object, key: str) -> list[object]:
    if not isinstance(value, list):
        raise ValueError(f"{key}: write a list")
    return value


def _texts(value: object, key: str) -> tuple[str, ...]:
    items = _list(value, key)
    if not all(isinstance(item, str) for item in items):
        raise ValueError(f"{key}: write a list of texts")
    return tuple(str(item) for item in items)


def _message(value: object) -> Message:
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise ValueError("opening: write messages as {role, text, name}")
    role = value.get("role")
    if role not in ("system", "user", "assistant", "tool"):
        raise ValueError(f"opening: no role '{role}'; have system, user, assistant, tool")
    return Message(role, value["text"], str(value.get("name", "")))


def _meta(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("meta: write a mapping of texts")
    return {str(key): str(entry) for key, entry in value.items()}
