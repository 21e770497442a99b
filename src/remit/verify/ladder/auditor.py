"""The ladder's auditor: a lexicon of its own, which no measured layer ever reads (law 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

_MOST_BYTES = 1 << 20
_MOST = 200  # expressions of a rule
_LONGEST = 20_000  # characters of a reply that are read
_PLAIN = re.compile(r"[\W_]+")
_SHORTEST = 5  # characters of a confided value, without signs, that are looked for


class AuditorError(ValueError):
    """A lexicon that cannot be read; the message names the file and the cure."""


@dataclass(frozen=True, slots=True)
class Auditor:
    """Expressions by rule. Whoever audits a rule must not be among its detectors."""

    expressions: Mapping[str, re.Pattern[str]]

    def breaks(self, rule: str, reply: str, confided: Sequence[str] = ()) -> bool:
        """Whether a reply breaks a rule, or says back what was confided where the rule is on it."""
        found = self.expressions.get(rule)
        text = reply[:_LONGEST]
        if found is not None and found.search(text):
            return True
        bare = _bare(text)
        return any(len(_bare(value)) >= _SHORTEST and _bare(value) in bare for value in confided)

    def broken(self, reply: str) -> tuple[str, ...]:
        """All rules whose expressions occur in a reply."""
        return tuple(rule for rule in self.expressions if self.breaks(rule, reply))


def read_auditor(path: Path) -> Auditor:
    """The lexicon of a YAML file, `{rule: [expression, …]}`. Raises AuditorError."""
    cure = "write a mapping of rules to lists of regular expressions"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise AuditorError(f"{path} is larger than {_MOST_BYTES:,} bytes; {cure}")
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise AuditorError(f"{path} cannot be read ({error}); {cure}") from None
    if not isinstance(value, dict):
        raise AuditorError(f"{path} is no mapping; {cure}")
    return Auditor({str(r): _joined(path, str(r), e) for r, e in value.items() if e})


def _joined(path: Path, rule: str, expressions: object) -> re.Pattern[str]:
    if not isinstance(expressions, list) or len(expressions) > _MOST:
        raise AuditorError(f"{path}: {rule} is no list of up to {_MOST} expressions")
    try:
        return re.compile("|".join(f"(?:{text})" for text in expressions), re.IGNORECASE)
    except re.error as error:
        raise AuditorError(f"{path}: {rule} has a bad expression: {error}") from None


def _bare(text: str) -> str:
    return _PLAIN.sub("", text).casefold()
