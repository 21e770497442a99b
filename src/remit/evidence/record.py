"""What may enter the record: a JSON object with an id, a time and a kind."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

_RANDOM_BYTES: Final = 10

ID_MOST: Final = 200
"""Characters of an id at most."""

WORD_MOST: Final = 64
"""Characters of a kind or an action at most."""

SEALED: Final = b'{"sealed":'
"""How a body begins that is encrypted. No other record begins so."""

_STAMP: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


class EvidenceError(RuntimeError):
    """The record could not be written or read; the message names the thing and the cure."""


class Draft(NamedTuple):
    """A record on its way into the chain: the columns, and the exact bytes that are hashed.

    `rules` is JSON, {rule: action} of the rules by which it is found; `subject` is whom it is
    about. Each is None where there is none.
    """

    time: str
    id: str
    kind: str
    action: str
    body: bytes
    rules: str | None = None
    subject: str | None = None


def stamp(moment: datetime | None = None) -> str:
    """`moment` (now, unless given) in ISO 8601, UTC, milliseconds: 2026-11-24T05:47:07.123Z."""
    if moment is None:
        seconds, rest = divmod(time.time_ns(), 1_000_000_000)
        return f"{_second(seconds)}.{rest // 1_000_000:03d}Z"
    utc = moment.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


# The system's generator costs a system call; one call serves many ids. Appending and popping are
# atomic, so threads need no lock; a forked child would repeat its parent's, hence the hook.
_pool: list[bytes] = []
os.register_at_fork(after_in_child=_pool.clear)


def _random_bits() -> int:
    try:
        return int.from_bytes(_pool.pop(), "big")
    except IndexError:
        block = os.urandom(_RANDOM_BYTES * 256)
        pieces = range(_RANDOM_BYTES, len(block), _RANDOM_BYTES)
        _pool.extend(block[at : at + _RANDOM_BYTES] for at in pieces)
        return int.from_bytes(block[:_RANDOM_BYTES], "big")


def new_id() -> str:
    """A new record id: UUID version 7 (RFC 9562), which nobody can guess and which sorts by time.

    That order matters: each commit then touches the end of the id index only, and not one page of
    it for each record, which would halve the rate.
    """
    milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds << 80) | _random_bits()
    number = (number & ~(0xF << 76 | 0x3 << 62)) | (0x7 << 76) | (0x2 << 62)
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def marks_of(record: Mapping[str, Any], action: str) -> dict[str, str]:
    """The rules that a record is about, each with what was done: {rule: action}.

    That is `rule`, with the action of the record, and those in `rules` (rule to result, or to an
    object with `action`; or a plain list) but for the ones that were allowed.
    """
    marks: dict[str, str] = {}
    rules = record.get("rules")
    if isinstance(rules, Mapping):
        for rule, result in rules.items():
            done = result.get("action", action) if isinstance(result, Mapping) else result
            if done != "allow":
                marks[rule] = done if isinstance(done, str) else action
    elif isinstance(rules, list | tuple):
        marks = {rule: action for rule in rules if isinstance(rule, str)}
    rule = record.get("rule")
    if rule and isinstance(rule, str):
        marks.setdefault(rule, action)
    return marks


def subject_of(person: str) -> str:
    """The pseudonym under which the record knows a person, of the name that a program gives them.

    One way only: whoever has the name can find the person's entries, and not the other way round.
    """
    named = person.strip().encode("utf-8", "replace")
    return hashlib.sha256(b"remit.subject.v1\0" + named).hexdigest()[:32]


def draft(record: Mapping[str, Any]) -> Draft:
    """Checks `record` and fixes its bytes; later changes to the mapping do not matter.

    Needs `id` (unique, 1 to 200 characters), `time` (as `stamp` writes it) and `kind`: answer,
    refusal, error, start, policy, or a word of your own (case and erasure are the store's).
    `action`, `rule`, `rules` and `subject` (a pseudonym of the person it is about) are optional.
    Raises EvidenceError, naming the key.
    """
    id_, moment, kind = record.get("id"), record.get("time"), record.get("kind")
    action, subject = record.get("action") or "", record.get("subject") or None
    if not (isinstance(id_, str) and 0 < len(id_) <= ID_MOST and "\0" not in id_):
        raise EvidenceError(f"record: 'id' must be a text of 1 to {ID_MOST} characters, none NUL")
    if not (isinstance(moment, str) and _STAMP.fullmatch(moment)):
        raise EvidenceError(f"record {id_}: 'time' must read like {stamp()}; use evidence.stamp()")
    if not (isinstance(kind, str) and kind and _is_word(kind)):
        raise EvidenceError(f"record {id_}: 'kind' must be a word, such as answer or refusal")
    if not (isinstance(action, str) and _is_word(action)):
        raise EvidenceError(f"record {id_}: 'action' must be a word; use Action.word")
    if subject is not None and not (isinstance(subject, str) and _is_name(subject)):
        raise EvidenceError(f"record {id_}: 'subject' must be a text of 1 to {ID_MOST} characters")
    try:
        body = orjson.dumps(record if type(record) is dict else dict(record))
    except TypeError as error:
        raise EvidenceError(f"record {id_}: not JSON ({error}); keep to plain values") from None
    if body.startswith(SEALED):
        raise EvidenceError(f"record {id_}: 'sealed' is the store's word; begin with another key")
    rules = None
    if record.get("rules") or record.get("rule"):
        marks = marks_of(record, action)
        if not all(_is_name(rule) and _is_word(done) for rule, done in marks.items()):
            raise EvidenceError(
                f"record {id_}: a rule's id is longer than {ID_MOST} characters, or its action "
                f"than {WORD_MOST}; shorten it"
            )
        rules = orjson.dumps(marks).decode() if marks else None
    return Draft(moment, id_, kind, action, body, rules, subject)


def _is_word(text: str) -> bool:
    return len(text) <= WORD_MOST and "\0" not in text


def _is_name(text: str) -> bool:
    return len(text) <= ID_MOST and "\0" not in text
