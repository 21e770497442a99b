"""From bytes to plain values, with the place of every value; strict, bounded, no surprises.

A subset of YAML 1.2: no aliases (so no bombs), no tags, no duplicate keys, and only `true`,
`false`, numbers and text as scalars, so that the language `no` stays the language `no`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 1_000_000
MAX_DEPTH = 24
MAX_NODES = 50_000

Path = tuple[str | int, ...]

# The C scanner where PyYAML has it: eight times as fast, with the same places.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; line and column count from 1."""

    line: int
    column: int


class PolicyError(ValueError):
    """The remit is refused. Each problem names the file, the line, the thing and the cure."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or worth a look (`level` error or warning; `code` is stable)."""

    file: str
    mark: Mark
    message: str
    code: str = "invalid"
    level: str = "error"
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.mark.line}:{self.mark.column}: {self.level}: {self.message}"


@dataclass(frozen=True, slots=True)
class Source:
    """Plain values and where each was written."""

    file: str
    value: Any
    marks: Mapping[Path, Mark]

    def mark(self, path: Path) -> Mark:
        """The place of a value, or of the nearest value around it."""
        while path not in self.marks and path:
            path = path[:-1]
        return self.marks.get(path, Mark(1, 1))


def read_source(data: bytes, file: str) -> Source:
    """Parses a remit's bytes. Raises PolicyError."""
    if len(data) > MAX_BYTES:
        raise _refused(
            file, Mark(1, 1), f"the file is larger than {MAX_BYTES // 1000} KB; split it"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _refused(
            file, Mark(line, 1), "the file is not UTF-8 text; save it as UTF-8"
        ) from None
    marks: dict[Path, Mark] = {}
    try:
        node = _compose(text, file)
        value = _Reader(file, marks).read(node, (), 0)
    except yaml.MarkedYAMLError as error:
        raise _refused(file, _error_mark(error), _yaml_message(error)) from None
    except yaml.YAMLError as error:
        message = f"not readable as YAML: {str(error).splitlines()[0]}"
        raise _refused(file, Mark(1, 1), message) from None
    return Source(file, value, marks)


def _compose(text: str, file: str) -> yaml.Node:
    depth = 0
    for nodes, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        start = event.start_mark
        mark = Mark(start.line + 1, start.column + 1) if start else Mark(1, 1)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused(file, mark, "anchors and aliases (& and *) are refused; write it out")
        tag = getattr(event, "tag", None)
        if tag:
            raise _refused(file, mark, f"the tag {tag} is refused; write plain text")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise _refused(file, mark, f"nested deeper than {MAX_DEPTH} levels or too large")
    node = yaml.compose(text, Loader=_LOADER)
    if node is None:
        raise _refused(file, Mark(1, 1), "the file is empty; `remit init` writes one to start from")
    return node


class _Reader:
    """Nodes to values, writing down each place."""

    def __init__(self, file: str, marks: dict[Path, Mark]) -> None:
        self._file, self._marks = file, marks

    def read(self, node: yaml.Node, path: Path, depth: int) -> Any:
        mark = Mark(node.start_mark.line + 1, node.start_mark.column + 1)
        self._marks[path] = mark
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(n, (*path, i), depth + 1) for i, n in enumerate(node.value)]
        return self._scalar(node, mark)

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = Mark(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                raise _refused(self._file, mark, "a key must be a word")
            key = key_node.value
            if key in result:
                raise _refused(self._file, mark, f"the key '{key}' stands twice; keep one")
            result[key] = self.read(value_node, (*path, key), depth + 1)
            self._marks[(*path, key)] = mark
        return result

    def _scalar(self, node: yaml.Node, mark: Mark) -> Any:
        text: str = node.value
        if getattr(node, "style", None):  # None or '' where plain, by the scanner
            return text
        return self._plain(text, mark)

    def _plain(self, text: str, mark: Mark) -> Any:
        opens, closes = text.startswith(("“", "„")), text.endswith(("”", "“"))
        if (opens or closes) and not _balanced(text):
            raise _refused(
                self._file,
                mark,
                f"typographic quotes do not quote here, so the text was cut at a comma: {text!r}; "
                'use straight quotes: "…"',
            )
        if opens and closes and not re.search("[“”„]", text[1:-1]):
            return text[1:-1]
        if text in ("true", "false"):
            return text == "true"
        if text in ("", "null", "~"):
            return None
        if re.fullmatch(r"[-+]?\d{1,15}", text):
            return int(text) if not re.fullmatch(r"[-+]?0\d+", text) else text
        if re.fullmatch(r"[-+]?\d{1,15}\.\d{1,15}", text):
            return float(text)
        return text


def _balanced(text: str) -> bool:
    """True where as many typographic quotes open as close; “ closes what „ opened."""
    low, high, closing = (text.count(quote) for quote in "„“”")
    return low == high + closing if low else high == closing


def _refused(file: str, mark: Mark, message: str) -> PolicyError:
    return PolicyError([Problem(file, mark, message)])


def _error_mark(error: yaml.MarkedYAMLError) -> Mark:
    mark = error.problem_mark or error.context_mark
    return Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)


def _yaml_message(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "not readable as YAML"
    if "mapping values are not allowed" in problem:
        return 'a text with a colon must stand in quotes: "…: …"'
    if "expected ',' or" in problem:
        return f"{problem}; a text with one of , ? : {{ }} [ ] in it must stand in quotes"
    if "found character '\\t'" in problem or "tab character" in problem:
        return "a tab is used for indentation; use spaces"
    return problem
