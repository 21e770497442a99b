"""What a browser sends: queries and forms, bounded, decoded once, each name once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, unquote

FIELDS_MOST: Final = 100
QUERY_MOST: Final = 4_096
"""Characters of a query at most."""

_TYPE: Final = "application/x-www-form-urlencoded"


class FormError(ValueError):
    """What was sent cannot be used; the message says what to change."""


def query(text: str) -> Mapping[str, str]:
    """The names and values of a query. Raises FormError."""
    if len(text) > QUERY_MOST:
        raise FormError(f"the address is too long: {QUERY_MOST} characters at most")
    return _pairs(text)


def form(content_type: str, body: bytes) -> Mapping[str, str]:
    """The names and values of a form, line ends as `\\n`. Raises FormError."""
    if content_type.partition(";")[0].strip().lower() != _TYPE:
        raise FormError(f"a form is sent as {_TYPE}")
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise FormError("a form's values are percent-encoded") from None
    pairs = _pairs(text)
    return {name: value.replace("\r\n", "\n") for name, value in pairs.items()}


def part(text: str) -> str:
    """A part of a path, decoded. Raises FormError where it is not UTF-8."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise FormError("the address is not UTF-8") from None


def needed(values: Mapping[str, str], name: str, what: str, *, most: int = 4_000) -> str:
    """A value that may not be missing; `what` names it. Raises FormError."""
    value = values.get(name, "").strip()
    if not value:
        raise FormError(f"{what} is missing: fill it in")
    return bounded(value, what, most=most)


def bounded(value: str, what: str, *, most: int) -> str:
    """The value, where it is not too long. Raises FormError."""
    if len(value) > most:
        raise FormError(f"{what} is too long: {most:,} characters at most, not {len(value):,}")
    return value


def _pairs(text: str) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MOST)
    except (UnicodeDecodeError, ValueError):
        raise FormError(f"what was sent cannot be read: {FIELDS_MOST} values at most") from None
    values = dict(reversed(pairs))
    if any("\0" in value for value in values.values()):
        raise FormError("a value holds a NUL character: leave it out")
    return values
