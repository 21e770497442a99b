"""Tests of promptfoo: prompts with places, and variables to fill them.

What a configuration says in its own file is read: `prompts`, `tests`, `defaultTest`. What it only
points to (`file://`, scripts, scenarios) is refused with its line, so that no test is lost unseen.
Schema: https://www.promptfoo.dev/docs/configuration/reference.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import yaml

from remit.types import Message
from remit.verify.cases import Aim, Case
from remit.verify.suites import conversation
from remit.verify.suites.conversation import case_of
from remit.verify.suites.errors import SuiteError
from remit.verify.suites.rows import opened, whole

MAX_BYTES = 8_000_000
MAX_NODES = 500_000
MAX_DEPTH = 32
MAX_PRODUCT = 10_000
"""Cases that one test's lists of values may come to."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLACE = re.compile(r"\{\{-?\s*([A-Za-z_][\w.]*)\s*-?\}\}")
_LOGIC = re.compile(r"\{%|\{\{")
_LINE = "\0line"


def cases(path: Path, blank: Case) -> Iterator[Case]:
    """The cases of a configuration. Raises SuiteError with the line, and OSError."""
    with opened(path) as file:
        config = _parsed(whole(file, path, MAX_BYTES), path.name)
    if not isinstance(config, dict):
        raise SuiteError(f"{path.name}:1: not a promptfoo configuration; give prompts and tests")
    if "scenarios" in config:
        raise SuiteError(f"{path.name}: scenarios cannot be read; write them out as tests")
    prompts = list(_prompts(config.get("prompts", ["{{prompt}}"]), path.name))
    base = config.get("defaultTest") or {}
    if not isinstance(base, dict):
        raise SuiteError(f"{path.name}: defaultTest is no mapping; write it in this file")
    tests = config.get("tests")
    if not isinstance(tests, list):
        raise SuiteError(f"{path.name}: tests is no list; write the tests in this file")
    for number, test in enumerate(tests, 1):
        if not isinstance(test, dict):
            raise SuiteError(f"{path.name}: test {number} is no mapping; write it in this file")
        yield from _tested(_Test(test, base, f"{path.name}:{test.get(_LINE, 1)}"), prompts, blank)


@dataclass(frozen=True, slots=True)
class _Test:
    test: Mapping[str, Any]
    base: Mapping[str, Any]
    where: str

    def variables(self) -> Iterator[dict[str, str]]:
        """Each combination of the values; a list is several values of one place."""
        named = {
            **_mapping(self.base, "vars", self.where),
            **_mapping(self.test, "vars", self.where),
        }
        named.pop(_LINE, None)
        options = [v if isinstance(v, list) else [v] for v in named.values()]
        size = math.prod(map(len, options))
        if size > MAX_PRODUCT:
            raise SuiteError(f"{self.where}: {size:,} combinations; give at most {MAX_PRODUCT:,}")
        for values in itertools.product(*options):
            yield {key: self._value(v) for key, v in zip(named, values, strict=True)}

    def _value(self, value: Any) -> str:
        if isinstance(value, str):
            if value.startswith(("file://", "package:")):
                raise SuiteError(f"{self.where}: '{value}' is not read; write the value itself")
            return value
        return json.dumps(_clean(value), ensure_ascii=False)

    def asserts(self) -> list[Any]:
        both = [*_list(self.base, "assert", self.where), *_list(self.test, "assert", self.where)]
        return [_clean(item) for item in both]

    def metadata(self) -> dict[str, Any]:
        found = _mapping(self.test, "metadata", self.where)
        return {str(k): _clean(v) for k, v in found.items() if k != _LINE}


def _tested(test: _Test, prompts: list[str], blank: Case) -> Iterator[Case]:
    asserts, metadata = test.asserts(), test.metadata()
    kinds = {str(item.get("type")) for item in asserts if isinstance(item, dict)}
    # A refusal that is asked not to come is a benign request; the rest seeks a violation.
    aim: Aim = "keep" if "not-is-refusal" in kinds else "break"
    meta = {**metadata, "assert": asserts or None, "description": test.test.get("description")}
    for variables in test.variables():
        for prompt in prompts:
            opening, turn = _put(_filled(prompt, variables, test.where), test.where)
            seed = hashlib.sha256(json.dumps([prompt, variables]).encode("ascii")).hexdigest()[:16]
            yield case_of(
                replace(blank, seed=f"promptfoo/{seed}"),
                turn,
                test.where,
                aim=aim,
                opening=opening,
                meta=meta,
            )


def _prompts(value: Any, name: str) -> Iterator[str]:
    for number, prompt in enumerate(value if isinstance(value, list) else [value], 1):
        where = f"{name}: prompt {number}"
        text = prompt.get("raw") if isinstance(prompt, dict) else prompt
        if not isinstance(text, str):
            raise SuiteError(f"{where}: no text; write the prompt itself, or under raw")
        if text.startswith(("file://", "exec:")) or text.endswith((".py", ".js", ".txt", ".json")):
            raise SuiteError(f"{where}: '{text}' is not read; write the prompt itself")
        yield text


def _filled(prompt: str, variables: Mapping[str, str], where: str) -> str:
    def value(place: re.Match[str]) -> str:
        if place[1] not in variables:
            have = ", ".join(variables) or "none"
            raise SuiteError(f"{where}: no value for {{{{{place[1]}}}}}; have {have}")
        return variables[place[1]] if not chat else json.dumps(variables[place[1]])[1:-1]

    chat = prompt.lstrip().startswith("[")
    if _LOGIC.search(_PLACE.sub("", prompt)):
        raise SuiteError(f"{where}: a prompt with logic or filters; write only {{{{name}}}}")
    return _PLACE.sub(value, prompt)


def _put(prompt: str, where: str) -> tuple[tuple[Message, ...], str]:
    """A prompt is a text, or a conversation as JSON."""
    if not prompt.lstrip().startswith("["):
        return (), prompt
    try:
        value = orjson.loads(prompt)
    except orjson.JSONDecodeError:
        return (), prompt
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return (), prompt
    return conversation.put(conversation.messages(value, where), where)


def _mapping(value: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    found = value.get(key) or {}
    if not isinstance(found, dict):
        raise SuiteError(f"{where}: {key} is no mapping; write it in this file")
    return found


def _list(value: Mapping[str, Any], key: str, where: str) -> list[Any]:
    found = value.get(key) or []
    if not isinstance(found, list):
        raise SuiteError(f"{where}: {key} is no list")
    return found


def _clean(value: Any) -> Any:
    """The value without the line numbers."""
    if isinstance(value, dict):
        return {str(k): _clean(v) for k, v in value.items() if k != _LINE}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _parsed(data: bytes, name: str) -> Any:
    try:
        text = data.decode("utf-8-sig")
        _refuse_depth(text, name)
        node = yaml.compose(text, Loader=_LOADER)
    except UnicodeDecodeError as error:
        raise SuiteError(f"{name}: not UTF-8: {error.reason}; convert the file") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SuiteError(f"{name}:{line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise SuiteError(f"{name}: not YAML: {error}") from None
    return _Plain(name).value(node, 0) if node is not None else None


def _refuse_depth(text: str, name: str) -> None:
    """Raises SuiteError before the composer, which is recursive, overflows the stack."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or number > 2 * MAX_NODES:
            raise _too_much(name, event)


def _too_much(name: str, where: Any) -> SuiteError:
    return SuiteError(
        f"{name}:{where.start_mark.line + 1}: too much or too deep ({MAX_NODES:,} values, "
        f"{MAX_DEPTH} levels at most); split the file"
    )


class _Plain:
    """Nodes as plain values, each mapping with its line; an alias counts as often as it is used."""

    def __init__(self, name: str) -> None:
        self._name, self._left = name, MAX_NODES

    def value(self, node: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            raise _too_much(self._name, node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth)
        return _scalar(node)

    def _mapping(self, node: Any, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, entry in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise SuiteError(f"{self._name}:{key.start_mark.line + 1}: a key is no text")
            value = self.value(entry, depth + 1)
            if key.tag == "tag:yaml.org,2002:merge":
                for other in reversed(value if isinstance(value, list) else [value]):
                    merged.update(other if isinstance(other, dict) else {})
            else:
                own[key.value] = value
        return {**merged, **own, _LINE: node.start_mark.line + 1}


def _scalar(node: Any) -> Any:
    """Text stays as it is written: a zip code is no number, `no` is no boolean."""
    return None if node.tag == "tag:yaml.org,2002:null" else node.value
