"""Problems as SARIF 2.1.0, so that code hosts and editors show them at their lines."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from remit.policy.source import Problem

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(problems: Iterable[Problem], version: str = "") -> dict[str, Any]:
    """A SARIF log with one run (OASIS SARIF 2.1.0). `version` is that of Remit."""
    results = list(problems)
    codes = list(dict.fromkeys(problem.code for problem in results))
    driver: dict[str, Any] = {
        "name": "remit",
        "rules": [{"id": code, "name": _name(code)} for code in codes],
    }
    if version:
        driver["version"] = version
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(problem, codes.index(problem.code)) for problem in results],
            }
        ],
    }


def _result(problem: Problem, index: int) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(problem.file)},
            "region": {"startLine": problem.mark.line, "startColumn": problem.mark.column},
        }
    }
    if problem.rule:
        location["logicalLocations"] = [{"name": problem.rule, "kind": "rule"}]
    return {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": problem.level,
        "message": {"text": problem.message},
        "locations": [location],
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _name(code: str) -> str:
    """SARIF wants a rule's name in Pascal case: own-judge is OwnJudge."""
    return "".join(word.capitalize() for word in code.split("-"))
