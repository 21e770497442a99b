"""Reading a remit: source to policy, every refusal at its line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from remit.policy.model import Assistant, Colleague, Delivery, Policy, Responsible, Rule
from remit.policy.source import Mark, PolicyError, Problem, Source, read_source

_SECTIONS: dict[str, type[BaseModel]] = {
    "assistant": Assistant,
    "responsible": Responsible,
    "colleague": Colleague,
    "delivery": Delivery,
    "rules": Rule,
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A policy with the places of its parts, for messages that point."""

    policy: Policy
    source: Source

    def problem(
        self,
        path: tuple[str | int, ...],
        message: str,
        *,
        code: str = "invalid",
        level: str = "error",
        rule: str = "",
    ) -> Problem:
        """A problem at the place of a value."""
        return Problem(self.source.file, self.source.mark(path), message, code, level, rule)


def load(path: str | Path) -> Loaded:
    """Reads a remit file. Raises PolicyError, also where there is no such file."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(1_000_001)
    except OSError as error:
        message = f"cannot be read ({error.strerror}); `remit init {path}` writes one"
        raise PolicyError([Problem(str(path), Mark(1, 1), message, "unreadable")]) from None
    return loads(data, str(path))


def loads(data: bytes | str, file: str = "remit.yaml") -> Loaded:
    """Reads a remit from bytes or text. Raises PolicyError."""
    source = read_source(data.encode("utf-8", "replace") if isinstance(data, str) else data, file)
    if not isinstance(source.value, dict):
        raise PolicyError([Problem(file, Mark(1, 1), "a remit is keys and values; start with remit: 1")])
    try:
        policy = Policy.model_validate(source.value)
    except ValidationError as error:
        raise PolicyError([_problem(source, e) for e in error.errors()]) from None
    return Loaded(policy, source)


def schema() -> dict[str, Any]:
    """The JSON Schema of a remit file, for editors."""
    value = Policy.model_json_schema()
    definitions = value["$defs"]
    # As written in the file: a detector is one kind and its setting, an example may be a text.
    definitions["Detect"] = {
        "description": "One kind of detector and its setting, such as phrases: [a, b].",
        "anyOf": [{"type": "string"}, {"type": "object", "minProperties": 1, "maxProperties": 1}],
    }
    example = definitions["Example"]
    definitions["Example"] = {
        "description": example.get("description", ""),
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "properties": {
                    **{name: {"type": "string"} for name in ("text", "user", "assistant")},
                    "stage": example["properties"]["stage"],
                },
                "additionalProperties": False,
            },
        ],
    }
    share = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1},
                       {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"}]}
    for name in ("threshold", "tolerance"):
        definitions["Rule"]["properties"][name] = share
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Remit", **value}


def _problem(source: Source, error: Any) -> Problem:
    path = tuple(error["loc"])
    rule = _rule_of(source, path)
    prefix = f"rule {rule}: " if rule else ""
    return Problem(source.file, source.mark(path), prefix + _message(path, error), "invalid", "error", rule)


def _rule_of(source: Source, path: tuple[str | int, ...]) -> str:
    if len(path) >= 2 and path[0] == "rules" and isinstance(path[1], int):
        try:
            return str(source.value["rules"][path[1]].get("id", f"number {path[1] + 1}"))
        except (TypeError, AttributeError, KeyError, IndexError):
            return ""
    return ""


def _message(path: tuple[str | int, ...], error: Any) -> str:
    name = str(path[-1]) if path else "remit"
    kind = error["type"]
    if kind == "extra_forbidden":
        section = next((p for p in reversed(path[:-1]) if p in _SECTIONS), None)
        fields = _SECTIONS[str(section)].model_fields if section else Policy.model_fields
        return f"unknown key '{name}'{_nearest(name, fields)}"
    if kind == "missing":
        return f"'{name}' is missing; every remit states it"
    if kind == "literal_error":
        return f"'{name}' must be {error['ctx']['expected']}, not {error['input']!r}"
    if kind == "string_type":
        return f"'{name}' must be text; put it in quotes"
    if kind == "enum":
        return f"'{name}' must be {error['ctx']['expected']}"
    return f"'{name}': {error['msg'].removeprefix('Value error, ')}"


def _nearest(name: str, names: Iterable[str]) -> str:
    known = list(names)
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; have {', '.join(known)}"
