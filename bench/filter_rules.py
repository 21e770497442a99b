"""The rules on training rows: how fast, where the time goes, and what they remove rightly.

    python bench/filter_rules.py [--quick] [--no-effect] [--data FOLDER]

Throughput: rows of prose (about 3 KB) and of chat, judged by the accounting remit with 300 further
patterns at the data stage; MB of JSON Lines a second of processor time, beside judging row by row.
Figures are the best of the repeats. Effect: precision and recall of what would be removed, on
public labelled sets, with Clopper-Pearson intervals (95 %). Spans of one document are not
independent, so intervals over spans are too narrow; sets that the weights were trained on are
marked, and say little of others.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import further
from remit.detectors.batch import Batch, suspects
from remit.enforce import Enforcer, compile_policy
from remit.layers.data.rows import Row, Segment
from remit.layers.data.rules import RuleStep, conversations, interaction
from remit.layers.data.texts import texts
from remit.policy import load
from remit.statistics.intervals import clopper_pearson
from remit.types import Message, Span, Stage
from results import table

HERE = Path(__file__).resolve().parent
ACCOUNTING = HERE.parent / "examples" / "accounting" / "remit.yaml"
DATA = Path(os.environ.get("REMIT_DATA", HERE.parent.parent / "shared" / "data"))
PROSE = ("inaugural.txt.gz", "state_union.txt.gz", "wikitext2_valid.txt.gz")


def main() -> None:
    """Prints both parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats and rows")
    parser.add_argument("--no-effect", action="store_true", help="throughput only")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of public data")
    flags = parser.parse_args()
    if not flags.data.is_dir():
        parser.error(f"no public data in {flags.data}; name its folder with --data or REMIT_DATA")
    repeats = 3 if flags.quick else 7
    with tempfile.TemporaryDirectory() as folder:
        step = RuleStep(compile_policy(load(_remit(Path(folder)))))
        for name, lines in (("prose", _prose(flags.data)), ("chat", _chat(flags.data))):
            print(_throughput(name, lines, step, repeats), end="\n\n")
    if not flags.no_effect:
        print(_effects(flags.data, 150 if flags.quick else 500))


# --- Throughput ----------------------------------------------------------------------------------


def _remit(folder: Path) -> Path:
    rules = further.as_a_firm_writes_them()
    for rule in rules:
        rule["then"] = {"data": "drop"}
    return further.with_rules(ACCOUNTING, rules, folder / "remit.yaml")


def _prose(data: Path) -> list[str]:
    whole = "".join(_text(data / "plain-text" / name) for name in PROSE)
    return [json.dumps({"text": whole[at : at + 3000]}) for at in range(0, len(whole), 3000)]


def _chat(data: Path) -> list[str]:
    roles = {"Human": "user", "Assistant": "assistant"}
    lines = []
    for line in _lines(data / "hh-rlhf-harmless" / "harmless_base_dev.jsonl.gz"):
        parts = re.split(r"\n\n(Human|Assistant): ", json.loads(line)["chosen"])[1:]
        turns = zip(parts[::2], parts[1::2], strict=True)
        messages = [{"role": roles[who], "content": said} for who, said in turns]
        lines.append(json.dumps({"messages": messages}))
    return lines


def _throughput(name: str, lines: Sequence[str], step: RuleStep, repeats: int) -> str:
    size = sum(map(len, lines)) / 1e6
    rows = [_row(json.loads(line)) for line in lines]
    batch = _batch(rows)
    enforcer = step.enforcer
    few = rows[:: max(1, len(rows) // 300)]
    share = sum(len(s.text) for r in few for s in r.segments)
    share /= sum(len(s.text) for r in rows for s in r.segments)
    works: list[tuple[str, float, Callable[[], object]]] = [
        ("all: the step", size, lambda: step.judge(rows)),
        ("row by row, for comparison", size * share, lambda: _one_by_one(enforcer, few)),
        ("  folding", size, lambda: (_again(batch).plain, _again(batch).skeleton)),
    ]
    readers: dict[int, set[int]] = {}
    for place, asked in enumerate(enforcer.asked(Stage.DATA)):
        matcher = asked.matcher
        works.append((f"  sieve of {asked.kind}", size, lambda m=matcher: list(suspects(m, batch))))
        for at in suspects(matcher, batch):
            readers.setdefault(at, set()).add(place)
    works.append(
        (
            f"  reading {len(readers)} of {len(batch.texts)} texts",
            size,
            lambda: [
                enforcer.judge(batch.interaction(at), Stage.DATA, places)
                for at, places in readers.items()
            ],
        )
    )
    cells = []
    for what, megabytes, work in works:
        seconds = _best(work, repeats)
        cells.append([what, f"{1000 * seconds / megabytes:.2f}", f"{megabytes / seconds:,.0f}"])
    return table(f"{name}: {len(rows)} rows, {size:.1f} MB", ["", "ms/MB", "MB/s"], cells)


def _again(batch: Batch) -> Batch:
    return Batch(batch.messages, batch.threads)


def _batch(rows: Sequence[Row]) -> Batch:
    messages: list[Message] = []
    threads: list[list[int]] = []
    for row in rows:
        threads += conversations(row.segments, len(messages))
        messages += [Message(segment.role, segment.text) for segment in row.segments]
    return Batch(messages, threads)


def _one_by_one(enforcer: Enforcer, rows: Sequence[Row]) -> None:
    for row in rows:
        for at in range(len(row.segments)):
            enforcer.judge(interaction(row, at), Stage.DATA)


def _best(work: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def _row(value: dict[str, Any]) -> Row:
    return Row("", 0, b"", value, texts(value, {}))


# --- Effect --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Labelled:
    """A document, its labelled spans by kind, and whether all of it should be dropped."""

    text: str
    spans: Mapping[str, tuple[Span, ...]]
    bad: bool = False


@dataclass(slots=True)
class Score:
    """Of `found`, so many `right`; of `there`, so many `met`."""

    found: int = 0
    right: int = 0
    there: int = 0
    met: int = 0

    def cells(self) -> list[str]:
        """Precision and recall with their intervals, and what they are counted of."""
        return [
            _share(self.right, self.found),
            str(self.found),
            _share(self.met, self.there),
            str(self.there),
        ]


def _share(count: int, of: int) -> str:
    if not of:
        return "-"
    interval = clopper_pearson(count, of)
    return f"{count / of:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


_DETECT: Mapping[str, Mapping[str, object]] = {
    "email": {"identifier": ["email"]},
    "phone": {"identifier": ["phone"]},
    "us-ssn": {"identifier": ["us-ssn"]},
    "iban": {"identifier": ["iban"]},
    "ip": {"identifier": ["ip"]},
    "payment-card": {"identifier": ["payment-card"]},
    "date-of-birth": {"identifier": ["date-of-birth"]},
    "secret": {"identifier": ["secret"]},
    "person-name": {"person-name": "any"},
    "harm": {"harm": "any"},
}
_PII_ANON = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "SOCIAL_SECURITY_NUMBER": "us-ssn",
    "IBAN": "iban",
    "IP_ADDRESS": "ip",
    "CREDIT_CARD_NUMBER": "payment-card",
    "DATE_OF_BIRTH": "date-of-birth",
    "API_KEY": "secret",
    "PASSWORD": "secret",
    "PERSON_NAME": "person-name",
}
_MEDDOCAN = {
    "CORREO_ELECTRONICO": "email",
    "NUMERO_TELEFONO": "phone",
    "NUMERO_FAX": "phone",
    "NOMBRE_SUJETO_ASISTENCIA": "person-name",
    "NOMBRE_PERSONAL_SANITARIO": "person-name",
}


def _effects(data: Path, most: int) -> str:
    learned = all(find_spec(module) for module in ("numpy", "onnxruntime", "tokenizers"))
    cells = []
    for name, seen, documents in _sets(data, most):
        kinds = [kind for kind in _asked(documents) if learned or kind not in _LEARNED]
        scores = _scored(documents, kinds)
        cells += [[name, kind, *scores[kind].cells(), seen] for kind in kinds]
    head = ["set", "rule", "precision", "found", "recall", "labelled", "trained on it"]
    note = "" if learned else "\n(person-name and harm need pip install 'remit[learned]')"
    return table("Spans found (PII) and rows dropped (harm)", head, cells) + note


_LEARNED = ("person-name", "harm")


def _asked(documents: Sequence[Labelled]) -> list[str]:
    kinds = dict.fromkeys(kind for document in documents for kind in document.spans)
    return [kind for kind in _DETECT if kind in kinds] or ["harm"]


def _scored(documents: Sequence[Labelled], kinds: Sequence[str]) -> dict[str, Score]:
    step = RuleStep(compile_policy(load(_of(kinds))))
    rows = [Row("", 0, b"", {}, (Segment("document", ("text",), d.text),)) for d in documents]
    scores = {kind: Score() for kind in kinds}
    for document, marks in zip(documents, step.judge(rows), strict=True):
        said = {mark.step: mark for mark in marks}
        for kind, score in scores.items():
            if kind == "harm":
                _count(score, [kind] if kind in said else [], [kind] if document.bad else [], _same)
            else:
                found = said[kind].spans if kind in said else ()
                _count(score, found, document.spans.get(kind, ()), _overlap)
    return scores


def _count(
    score: Score,
    found: Sequence[Any],
    there: Sequence[Any],
    meets: Callable[[Any, Any], bool],
) -> None:
    score.found += len(found)
    score.right += sum(any(meets(one, other) for other in there) for one in found)
    score.there += len(there)
    score.met += sum(any(meets(one, other) for other in found) for one in there)


def _same(one: str, other: str) -> bool:
    return one == other


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _of(kinds: Iterable[str]) -> Path:
    rules = [further.rule(kind, [_DETECT[kind]]) for kind in kinds]
    for rule in rules:
        rule["then"] = {"data": "drop" if rule["id"] == "harm" else "redact"}
    remit = {
        "remit": 1,
        "organisation": "Bench",
        "responsible": {"owner": "Bench"},
        "regions": ["US", "GB", "ES"],
        "rules": rules,
    }
    path = Path(tempfile.mkdtemp()) / "remit.json"
    path.write_text(json.dumps(remit), encoding="utf-8")
    return path


def _sets(data: Path, most: int) -> Iterator[tuple[str, str, list[Labelled]]]:
    """Name, whether the weights were trained on it, and a sample."""
    for part in ("legal", "clinical", "technology", "adversarial"):
        lines = _sample(_lines(data / "pii-anon" / f"test_{part}.jsonl.gz"), most)
        documents = [_spanned(json.loads(line), "annotations", _PII_ANON) for line in lines]
        yield f"pii-anon {part}", "no", documents
    lines = _sample(_lines(data / "meddocan-es" / "meddocan_dev.jsonl.gz"), most)
    documents = [_spanned(json.loads(line), "spans", _MEDDOCAN) for line in lines]
    yield "meddocan-es dev", "no", documents
    surge = csv.DictReader(io.StringIO(_text(data / "surge-toxicity" / "toxicity_en.csv")))
    rows = [Labelled(line["text"], {}, line["is_toxic"] == "Toxic") for line in surge]
    yield "surge-toxicity", "no", _sample(rows, most)
    davidson = csv.DictReader(io.StringIO(_text(data / "davidson-hate" / "labeled_data.csv.gz")))
    rows = [Labelled(line["tweet"], {}, line["class"] in ("0", "1")) for line in davidson]
    yield "davidson-hate (or offensive)", "yes", _sample(rows, most)


def _spanned(value: dict[str, Any], key: str, kinds: Mapping[str, str]) -> Labelled:
    spans: dict[str, list[Span]] = {}
    for span in value[key]:
        kind = kinds.get(span.get("entity_type") or span.get("label"))
        if kind:
            spans.setdefault(kind, []).append(Span(span["start"], span["end"]))
    return Labelled(value["text"], {kind: tuple(some) for kind, some in spans.items()})


def _sample(items: Iterable[Any], most: int) -> list[Any]:
    every = list(items)
    return random.Random(1).sample(every, min(most, len(every)))


def _text(path: Path) -> str:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()


def _lines(path: Path) -> list[str]:
    return [line for line in _text(path).split("\n") if line]


if __name__ == "__main__":
    main()
