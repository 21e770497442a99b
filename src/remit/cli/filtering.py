"""`remit filter`: training data that keeps to the remit, and what became of each row."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.cli import filtered, sampled
from remit.cli.stages import Stages
from remit.cli.terminal import (
    CannotRunError,
    MisuseError,
    complain,
    refusal,
    remit_of,
    safe,
    say,
    say_json,
    table,
)

if TYPE_CHECKING:
    from remit.layers.data.closing import Finished
    from remit.layers.data.plan import Plan
    from remit.layers.data.run import Listener
    from remit.layers.data.writers import Writer

_ROLES = ("document", "system", "user", "assistant", "tool")
_SHOWN = 20
_EXAMPLES = """\
examples:
  remit filter remit.yaml corpus/ --out filtered
  remit filter remit.yaml chats.jsonl.gz 'more/*.parquet' --out filtered --workers 8
  remit filter remit.yaml web/ --out filtered --quality gopher-quality,c4 --dedup exact,minhash
  remit filter remit.yaml qa.jsonl --out filtered --column question=user --column answer=assistant
  remit filter explain filtered corpus.jsonl:1041   why is this row (counted from 0) not there?
  remit filter explain filtered doc-93              the same, by the row's id or its hash
  remit filter erase filtered jan@example.com       every row that this person's data is in
  remit filter verify filtered                      are the files as they were written?
  remit filter label filtered                       say in the browser which removals were right
  remit filter card filtered                        the data card anew, with those labels

INPUT is a file, a folder or a glob: JSON Lines (.jsonl, .gz, .zst), Parquet, plain text (.txt, a
document a paragraph). Rows hold text, messages, prompt and completion, or prompt, chosen and
rejected; other columns are kept and not read, unless named with --column.

DIR gets data/ (what may be learnt from), quarantine/ (what could not be read, as it came), ledger/
and ledger.jsonl (what became of each row, chained), card.html and card.json (what was taken out, by
whose rule, and how surely rightly). Stopped at any moment, the same command goes on where it was.

exit codes: 0 done; 1 the files are not as they were written (verify), no such row (explain);
2 misuse; 3 it cannot be done; 130 stopped with Ctrl-C. Rows that were taken out are no error.
"""


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "filter",
        help="filter training data; explain and erase rows",
        description="Keeps out of training data what the remit forbids.",
        epilog=_EXAMPLES,
        usage=(
            "remit filter REMIT INPUT... --out DIR [options]\n"
            "       remit filter explain DIR ROW [--json]\n"
            "       remit filter erase DIR... KEY [--search] [--json]\n"
            "       remit filter verify DIR [--json]\n"
            "       remit filter label DIR [INPUT...] [--rule ID,...] [--port N]\n"
            "       remit filter card DIR [--json]"
        ),
    )
    parser.add_argument("remit", metavar="REMIT")
    parser.add_argument("inputs", nargs="+", metavar="INPUT")
    option = parser.add_argument
    option("--out", metavar="DIR", help="a new folder, or one where this run was stopped")
    option("--workers", type=int, metavar="N", help="processes; default one a processor")
    option("--ray", default="", metavar="ADDRESS", help="on a Ray cluster: auto, local, HOST:PORT")
    option("--quality", default="", metavar="NAMES", help="gopher-quality, gopher-repetition, …")
    option("--language", default="", metavar="CODES", help="documents in these: en,nl")
    option("--dedup", default="", metavar="KINDS", help="exact, minhash, or both")
    option("--decontaminate", nargs="+", default=[], metavar="FILE", help="evaluation sets")
    option("--triggers", action="store_true", help="search for planted triggers")
    option("--labels", default="", metavar="FILE", help="rows a person judged: bounds on errors")
    option("--column", action="append", default=[], metavar="NAME=ROLE", help="a further text")
    option("--control-tokens", default="", metavar="GOOD,BAD", help="begin texts with one of them")
    option(
        "--samples", type=int, default=30, metavar="N", help="rows to label, a rule and language"
    )
    option("--rule", default="", metavar="IDS", help="label: the samples of these only")
    option("--port", type=int, metavar="N", help="label: of the page; default a free one")
    option("--rewrite", default="", metavar="URL,MODEL", help="says rows anew; key: REMIT_API_KEY")
    option("--explain", action="store_true", help="show some of the rows that were taken out")
    option("--search", action="store_true", help="erase: read all of the output, too")
    option("--json", action="store_true", help="totals as JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    lookups: dict[str, Callable[[argparse.Namespace], int]] = {
        "explain": filtered.explain,
        "erase": filtered.erase,
        "verify": filtered.verify,
        "label": sampled.label,
        "card": sampled.card,
    }
    from remit.layers.data.ledger import LedgerError

    try:
        if arguments.remit in lookups and not arguments.out:
            return lookups[arguments.remit](arguments)
    except LedgerError as error:
        raise CannotRunError(str(error)) from None
    return _filter(arguments, environ)


# --- Filtering -----------------------------------------------------------------------------------


def _filter(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.layers.data.processes import WorkError
    from remit.layers.data.run import RunError, filter_corpus
    from remit.layers.data.sources import SourceError
    from remit.layers.data.streams import MissingExtraError
    from remit.policy import PolicyError

    if not arguments.out:
        raise MisuseError("filter: name a folder for the result with --out DIR")
    workers = _workers(arguments)
    plan = _plan(arguments, environ)
    try:
        with _progress() as listener:
            finished = filter_corpus(
                plan,
                arguments.inputs,
                arguments.out,
                workers=workers,
                ray=arguments.ray,
                listener=listener,
            )
    except PolicyError as error:
        raise refusal(error.problems) from None
    except (SourceError, RunError, WorkError, MissingExtraError, ImportError) as error:
        raise CannotRunError(str(error)) from None
    except KeyboardInterrupt:
        complain("stopped; the same command goes on from here")
        return 130
    _show(finished, arguments)
    return 0


def _workers(arguments: argparse.Namespace) -> int:
    if arguments.workers is None:
        if hasattr(os, "sched_getaffinity"):  # not on macOS
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if not 1 <= arguments.workers <= 1024:
        raise MisuseError("filter: --workers must be from 1 to 1024")
    return int(arguments.workers)


def _plan(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Plan:
    from remit.cli.serving import cache_folder
    from remit.layers.data.plan import Plan

    remit_of(arguments.remit)  # refused with its line and a caret
    dedup = _names(arguments.dedup)
    if strange := set(dedup) - {"exact", "minhash"}:
        raise MisuseError(f"filter: --dedup {', '.join(strange)}: have exact, minhash")
    quality = _names(arguments.quality)
    if quality or arguments.language:
        from remit.layers.data.quality import NAMES

        if strange := set(quality) - set(NAMES):
            raise MisuseError(f"filter: --quality {', '.join(strange)}: have {', '.join(NAMES)}")
    return Plan(
        Path(arguments.remit).read_bytes(),
        quality=quality,
        languages=_names(arguments.language),
        dedup=dedup,
        decontaminate=tuple(str(Path(name).absolute()) for name in arguments.decontaminate),
        triggers=arguments.triggers,
        labels=str(Path(arguments.labels).absolute()) if arguments.labels else "",
        prefix=_tokens(arguments.control_tokens),
        writer=_writer(arguments.rewrite, environ),
        samples=_samples(arguments.samples),
        columns=tuple(_column(text) for text in arguments.column),
        cache=cache_folder(environ) or "",
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _tokens(text: str) -> tuple[str, ...]:
    tokens = tuple(text.split(",")) if text else ()
    if len(tokens) not in (0, 2) or not all(tokens):
        raise MisuseError("filter: --control-tokens takes two, such as '<|good|>,<|bad|>'")
    return tokens


def _samples(rows: int) -> int:
    if not 0 <= rows <= 1_000:
        raise MisuseError("filter: --samples must be from 0 to 1000")
    return rows


def _writer(text: str, environ: Mapping[str, str]) -> Writer | None:
    if not text:
        return None
    from remit.layers.data.writers import Writer
    from remit.models.openai import OpenAICompatible

    url, _, model = text.partition(",")
    key = environ.get("REMIT_API_KEY", "")
    if not model:
        raise MisuseError("filter: --rewrite takes URL,MODEL: http://localhost:11434/v1,llama3.2")
    try:
        writer = Writer(url, model, key)
        OpenAICompatible(url, key or None)
    except ValueError as error:
        raise MisuseError(f"filter: --rewrite: {error}") from None
    return writer


def _column(text: str) -> tuple[str, str]:
    name, _, role = text.partition("=")
    if not name or (role or "document") not in _ROLES:
        raise MisuseError(
            f"filter: --column {text}: write NAME=ROLE, a role of {', '.join(_ROLES)}"
        )
    return name, role or "document"


@contextmanager
def _progress() -> Iterator[Listener]:
    from remit.layers.data.run import Listener

    shown = Stages()
    try:
        yield Listener(shown.stage, shown.seen)
    finally:
        shown.end()


def _show(finished: Finished, arguments: argparse.Namespace) -> None:
    for damage in finished.damaged[:_SHOWN]:
        complain(safe(damage))
    if arguments.json:
        say_json(finished.to_json())
        return
    if finished.before:
        complain("this run was finished before; nothing was done anew")
    for listed in _tables(finished.account.to_json()):
        for line in table(listed):
            say(line)
        say()
    if finished.passed_over:
        say(f"passed over, of no known format: {safe(', '.join(finished.passed_over[:_SHOWN]))}")
    say(f"data card {safe(str(Path(arguments.out, 'card.html')))}")
    say(f"ledger head {finished.head}")
    if arguments.explain:
        _show_some(arguments.out)


def _tables(account: Mapping[str, Any]) -> Iterator[list[tuple[str, ...]]]:
    rows, sizes = account["rows"], account["bytes"]
    yield [
        ("outcome", "rows", "bytes"),
        *((name, f"{rows[name]:,}", f"{sizes[name]:,}") for name in rows),
        ("in", f"{account['rows_in']:,}", f"{account['bytes_in']:,}"),
        ("out", f"{account['rows_out']:,}", f"{account['bytes_out']:,}"),
    ]
    asked = [(s, w, f"{n:,}") for s, ways in account["steps"].items() for w, n in ways.items()]
    if asked:
        yield [("rule or step", "asks", "rows"), *asked]
    reasons = [(reason, f"{count:,}") for reason, count in account["quarantine"].items()]
    if reasons:
        yield [("quarantined", "rows"), *reasons]


def _show_some(folder: str) -> None:
    from remit.layers.data.lookup import Run

    say()
    for told in Run(folder).some(_SHOWN):
        filtered.tell(told.to_json())
