"""Reading a remit: source to policy, every refusal at its line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from remit.policy.model import (
    Assistant,
    Colleague,
    Delivery,
    Example,
    Policy,
    Responsible,
    Rule,
)
from remit.policy.monitoring import Alert, Monitoring
from remit.policy.source import Mark, PolicyError, Problem, Source, read_source
from remit.policy.steering import Training

_SECTIONS: dict[str, type[BaseModel]] = {
    "assistant": Assistant,
    "responsible": Responsible,
    "colleague": Colleague,
    "delivery": Delivery,
    "rules": Rule,
    "monitor": Monitoring,
    "alerts": Alert,
    "breaks": Example,
    "keeps": Example,
    "train": Training,
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
        raise PolicyError(
            [Problem(file, Mark(1, 1), "a remit is keys and values; start with remit: 1")]
        )
    try:
        policy = Policy.model_validate(source.value)
    except ValidationError as error:
        raise PolicyError(_problems(source, error)) from None
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
                    **{
                        name: {"type": "string"}
                        for name in ("text", "user", "assistant", "context")
                    },
                    "stage": example["properties"]["stage"],
                },
                "additionalProperties": False,
            },
        ],
    }
    share = {
        "anyOf": [
            {"type": "number", "minimum": 0, "maximum": 1},
            {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"},
        ]
    }
    for name in ("threshold", "tolerance", "wrongly"):
        definitions["Rule"]["properties"][name] = share
    definitions["Monitoring"]["properties"]["sample"] = share
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Remit", **value}


def _problems(source: Source, error: ValidationError) -> list[Problem]:
    """One problem a mistake: a key that is only misspelt is not missing as well."""
    errors = error.errors()
    misspelt = {
        (*e["loc"][:-1], *difflib.get_close_matches(str(e["loc"][-1]), _fields(e["loc"]), n=1))
        for e in errors
        if e["type"] == "extra_forbidden"
    }
    problems: dict[tuple[str | int, ...], Problem] = {}
    for e in errors:
        if e["type"] == "missing" and e["loc"] in misspelt:
            continue
        # A value that may have several forms is one mistake, not one for each form.
        place = e["loc"] if e["type"] == "missing" else _written(source, e["loc"])
        problems.setdefault(place, _problem(source, e))
    return list(problems.values())


def _problem(source: Source, error: Any) -> Problem:
    path = tuple(error["loc"])
    rule = _rule_of(source, path)
    prefix = f"rule {rule}: " if rule else ""
    message = prefix + _message(source, path, error)
    return Problem(source.file, source.mark(path), message, "invalid", "error", rule)


def _rule_of(source: Source, path: tuple[str | int, ...]) -> str:
    if len(path) >= 2 and path[0] == "rules" and isinstance(path[1], int):
        try:
            return str(source.value["rules"][path[1]].get("id", f"number {path[1] + 1}"))
        except (TypeError, AttributeError, KeyError, IndexError):
            return ""
    return ""


def _message(source: Source, path: tuple[str | int, ...], error: Any) -> str:
    name, kind = _name(source, path), error["type"]
    if kind == "extra_forbidden":
        return f"unknown key '{path[-1]}'{_nearest(str(path[-1]), _fields(path))}"
    if kind == "missing":
        return f"'{path[-1]}' is missing; every {_section(path)} states it"
    if kind == "literal_error":
        return f"'{name}' must be {error['ctx']['expected']}, not {error['input']!r}"
    if kind == "string_type":
        return f"'{name}' must be text; put it in quotes"
    if kind == "enum":
        what = "no stage" if path[-1] == "[key]" else "not possible"
        return f"'{name}' is {what}; have {error['ctx']['expected']}"
    cause = str(error["msg"]).removeprefix("Value error, ")
    return f"'{name}': {cause}" if path else cause


def _name(source: Source, path: tuple[str | int, ...]) -> str:
    keys = [part for part in _written(source, path) if isinstance(part, str)]
    return keys[-1] if keys else "remit"


def _written(source: Source, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The part of a path that stands in the file: validators add names of their own behind it."""
    while path and path not in source.marks:
        path = path[:-1]
    return path


def _section(path: tuple[str | int, ...]) -> str:
    inside = [str(part) for part in path[:-1] if part in _SECTIONS]
    names = {"rules": "rule", "breaks": "example", "keeps": "example"}
    return names.get(inside[-1], inside[-1]) if inside else "remit"


def _fields(path: tuple[str | int, ...]) -> list[str]:
    """The keys that could stand at a path."""
    inside = [str(part) for part in path[:-1] if part in _SECTIONS]
    model = _SECTIONS[inside[-1]] if inside else Policy
    return [*model.model_fields, *(["assistant"] if model is Example else [])]


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; have {', '.join(known)}"
