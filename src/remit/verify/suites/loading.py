"""Suites from local files, and back into files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from remit.types import Json
from remit.verify.cases import Aim, Case
from remit.verify.identity import as_json, identified, suite_hash
from remit.verify.suites import promptfoo
from remit.verify.suites.conversation import case_of
from remit.verify.suites.errors import SuiteError
from remit.verify.suites.formats import Format, recognised
from remit.verify.suites.rows import Row, rows, suffix

MAX_CASES = 1_000_000
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_IDS = ("id", "ID", "BehaviorID", "key", "example_id", "prompt_id", "uid")


def load(
    path: str | Path,
    rule: str = "",
    *,
    format: str = "",
    aim: Aim | None = None,
    language: str = "en",
    limit: int = MAX_CASES,
) -> Iterator[Case]:
    """The cases of a local file, for one rule; cases that remit wrote keep their own.

    Only a file of such cases can do without `rule`.
    `format` is recognised by the columns where not named. `aim` overrides what the format says:
    whether its prompts seek a violation (`break`) or should be helped with (`keep`). Reading is
    lazy where the file allows it. Raises SuiteError, naming the line, where anything cannot be
    read; OSError where there is no file.
    """
    if not 1 <= limit <= MAX_CASES:
        raise SuiteError(f"limit is {limit}; give 1 to {MAX_CASES:,}")
    for case in islice(_cases(Path(path), rule, format, language), limit):
        if not case.rule:
            raise SuiteError(f"{Path(path).name}: whose suite is it? Name a rule of the remit")
        yield case if aim is None or aim == case.aim else identified(replace(case, aim=aim))


def write(cases: Iterable[Case], path: str | Path) -> str:
    """Writes cases as JSON Lines, which `load` reads; gives the suite's hash. Raises OSError."""
    return _write(cases, path, as_json)


def write_inspect(cases: Iterable[Case], path: str | Path) -> str:
    """Writes cases as a dataset of Inspect (JSON Lines of samples); gives the suite's hash.

    A sample's input is the opening and the first turn; the case itself lies in its metadata, so
    that `load` gives it back whole. `inspect_ai.dataset.json_dataset` reads the file.
    """
    return _write(cases, path, _sample)


def _write(cases: Iterable[Case], path: str | Path, form: Callable[[Case], Json]) -> str:
    def passing() -> Iterator[Case]:
        for case in cases:
            file.write(orjson.dumps(form(case), option=orjson.OPT_APPEND_NEWLINE))
            yield case

    with Path(path).open("wb") as file:
        return suite_hash(passing())


def _sample(case: Case) -> Json:
    said = [{"role": m.role, "content": m.text} for m in case.opening]
    said.append({"role": "user", "content": case.turns[0]})
    return {
        "input": said,
        "target": "helped" if case.aim == "keep" else "held",
        "id": case.id,
        "metadata": {"remit": as_json(case)},
    }


def _cases(path: Path, rule: str, format: str, language: str) -> Iterator[Case]:
    blank = Case("", "", rule, "break", (), language=language)
    if suffix(path) in (".yaml", ".yml"):
        yield from promptfoo.cases(path, replace(blank, suite="promptfoo"))
        return
    known: Format | None = None
    for row in rows(path):
        if isinstance(row.value, Mapping) and (
            known is None or not known.needs <= row.value.keys()
        ):
            if known is None and _is_catalogue(row.value):
                yield from _catalogue(row, replace(blank, suite="catalogue"))
                continue
            known = recognised(row.value, row.where, format)
        try:
            yield from _read(row, known, blank)
        except (RecursionError, orjson.JSONEncodeError):
            raise SuiteError(f"{row.where}: nested too deep to be a case") from None


def _read(row: Row, format: Format | None, blank: Case) -> Iterator[Case]:
    if isinstance(row.value, str):
        yield case_of(_seeded(blank, "prompts", {}, row), row.value, row.where, aim="break")
        return
    if format is None or not isinstance(row.value, Mapping):
        raise SuiteError(f"{row.where}: a row is a mapping or a text; have {_kind(row.value)}")
    found = format.read(row.value, _seeded(blank, format.name, row.value, row), row.where)
    yield from (found,) if isinstance(found, Case) else found


def _seeded(blank: Case, suite: str, value: Mapping[str, Any], row: Row) -> Case:
    """The blank case with its suite and a seed: the data's own id, and a hash of the row.

    An id alone would not do: files of one suite number their rows alike, and two scenarios of one
    seed would be counted as one.
    """
    raw = orjson.dumps(row.value, option=orjson.OPT_SORT_KEYS)
    own = next((f"{value[key]}/" for key in _IDS if value.get(key) not in (None, "")), "")
    named = own[:80] + hashlib.sha256(raw).hexdigest()[:16]
    spoken = value.get("language", value.get("lang"))
    if isinstance(spoken, str) and _LANGUAGE.fullmatch(spoken):
        blank = replace(blank, language=spoken)
    return replace(blank, suite=suite, seed=f"{suite}/{named}")


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__


def _is_catalogue(value: Mapping[str, Any]) -> bool:
    """`{category: [text, …]}` or `{category: {kind: [text, …]}}`."""
    return (
        bool(value)
        and all(isinstance(v, list | dict) for v in value.values())
        and any(_texts(v) is not None for v in value.values())
    )


def _texts(value: Any, *, below: bool = True) -> list[tuple[str, str]] | None:
    """Texts with their sub-category, one level below; None where it is something else."""
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        return [("", text) for text in value]
    if below and isinstance(value, dict) and value:
        inner = [(key, _texts(texts, below=False)) for key, texts in value.items()]
        if all(texts is not None for _, texts in inner):
            return [(key, text) for key, texts in inner for _, text in texts or ()]
    return None


def _catalogue(row: Row, blank: Case) -> Iterator[Case]:
    for category, value in row.value.items():
        texts = _texts(value)
        if texts is None:
            raise SuiteError(f"{row.where}: {category} is no list of texts")
        for sub, text in texts:
            name = f"{category}/{sub}" if sub else str(category)
            seeded = _seeded(blank, "catalogue", {}, Row([name, text], row.where))
            yield case_of(seeded, text, row.where, aim="break", meta={"category": name})
