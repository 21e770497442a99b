"""Files given by path: read once, bounded, hashed, and refused where they are something else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from remit.report.problems import ReportError
from remit.types import Json

LARGEST: Final = 500_000_000
LEDGER: Final = "ledger.jsonl"
_LINE: Final = 64_000_000
_MOST_SOURCES: Final = 200


@dataclass(frozen=True, slots=True)
class Verification:
    """A verification as `remit verify --json` wrote it."""

    name: str
    sha256: str
    value: Json

    @property
    def policy(self) -> str:
        """The digest of the remit that was verified."""
        return str(self.value["policy"])


@dataclass(frozen=True, slots=True)
class Bias:
    """A bias report as `remit verify --bias … --json` wrote it."""

    name: str
    sha256: str
    value: Json


@dataclass(frozen=True, slots=True)
class Calibration:
    """What people's labels say of the graders, as `remit label --json` printed it."""

    name: str
    sha256: str
    rules: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class FilterRun:
    """A finished run of `remit filter`. `broken` says where its chain of lines does not hold."""

    name: str
    head: str
    policy: str
    plan: Json
    totals: Json
    sources: tuple[Json, ...]
    more_sources: int
    parts: int
    broken: str


def verification(path: str) -> Verification:
    """Reads a verification. Raises ReportError."""
    value, sha256 = _json(path, "remit-verification", "write one with `remit verify … --json FILE`")
    try:
        targets = value["targets"]
        for line in (line for target in targets for line in target["rules"]):
            str(line["rule"]), str(line["measure"]), int(line["seeds"]), int(line["failed"])
        str(value["policy"]), str(value["suites"]["digest"]), str(value["started"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _not(path, f"incomplete ({error!r})", "write it anew") from None
    return Verification(Path(path).name, sha256, value)


def bias(path: str) -> Bias:
    """Reads a bias report. Raises ReportError."""
    value, sha256 = _json(path, "remit-bias", "write one with `remit verify … --bias … --json`")
    return Bias(Path(path).name, sha256, value)


def calibration(path: str) -> Calibration:
    """Reads the summary of labels. Raises ReportError."""
    data = _bytes(path)
    cure = "write one with `remit label … --json`"
    try:
        value = orjson.loads(data)
        rules = tuple({**rule, "rule": str(rule["rule"])} for rule in value)
    except (ValueError, KeyError, TypeError) as error:
        raise _not(path, f"no summary of labels ({error!r})", cure) from None
    return Calibration(Path(path).name, hashlib.sha256(data).hexdigest(), rules)


def filter_run(folder: str) -> FilterRun:
    """Reads the ledger of a filter run and checks its chain. Raises ReportError.

    Memory does not grow with the run: of its sources the first 200 are named, the rest counted.
    """
    path = Path(folder, LEDGER)
    start: Json = {}
    totals: Json = {}
    sources: list[Json] = []
    count = parts = more = 0
    head, broken = "0" * 64, ""
    try:
        with path.open("rb") as file:
            while line := file.readline(_LINE):
                count += 1
                value = orjson.loads(line)
                if value["prev"] != head and not broken:
                    broken = f"line {count} does not follow from the line before"
                head = hashlib.sha256(line.rstrip(b"\n")).hexdigest()
                kind = value.get("kind")
                start = value if kind == "start" and count == 1 else start
                totals = value["totals"] if kind == "end" else totals
                parts += kind == "part"
                if kind == "source" and len(sources) < _MOST_SOURCES:
                    sources.append(value)
                elif kind == "source":
                    more += 1
    except OSError as error:
        raise _not(
            folder, f"no finished run ({error.strerror})", "give the filter's --out"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        cure = "`remit filter verify` says where"
        raise _not(str(path), f"damaged at line {count} ({error!r})", cure) from None
    if not isinstance(start.get("plan"), Mapping) or not isinstance(totals, Mapping) or not totals:
        raise _not(str(path), "cut off", "`remit filter verify` says where")
    return FilterRun(
        Path(folder).resolve().name, head, str(start.get("policy", "")), dict(start["plan"]),
        dict(totals), tuple(sources), more, parts, broken,
    )  # fmt: skip


def _json(path: str, key: str, cure: str) -> tuple[Json, str]:
    data = _bytes(path)
    try:
        value: Any = orjson.loads(data)
    except ValueError:
        raise _not(path, "not JSON", cure) from None
    if not isinstance(value, dict) or value.get(key) != 1:
        raise _not(path, f"not of the format '{key}', 1", cure)
    return value, hashlib.sha256(data).hexdigest()


def _bytes(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise ReportError(f"{path} cannot be read ({error.strerror}); name another file") from None
    if len(data) > LARGEST:
        raise ReportError(f"{path} is larger than {LARGEST // 10**6} MB; name another file")
    return data


def _not(path: str, what: str, cure: str) -> ReportError:
    return ReportError(f"{path}: {what}; {cure}")
