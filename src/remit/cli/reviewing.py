"""`remit review`: people compare replies in the browser; what they agree on trains a model."""

from __future__ import annotations

import argparse
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from remit.cli.terminal import CannotRunError, MisuseError, remit_of, say, say_json, table

if TYPE_CHECKING:
    from remit.layers.training.preferences import Agreement, Exported, Pair, Store
    from remit.policy import Policy

_EXAMPLES: Final = """\
examples:
  remit review start pairs.jsonl --remit remit.yaml --out review    compare in the browser
  remit people add ben --role reviewer --evidence review/people.db  another reviewer
  remit review agreement review                                     do reviewers agree?
  remit review export review --consent "Staff, July 2026" --out rows
      rows/dpo.jsonl, sft.jsonl   for `remit train`
      rows/gate.jsonl             for `remit train gate`: kept apart from what trains

pairs.jsonl holds a line for each pair: {"prompt": …, "a": …, "b": …}; `gold` gives the known
answers of a few, {"gold": {"overall": "a"}}, which tell how carefully somebody reads.
Which reply stands first is drawn for each reviewer; a quarter of the pairs is shown to two.
Stop with Ctrl-C and start again: the work goes on where it was.
"""
_PAIRS, _REMIT, _PEOPLE = "pairs.jsonl", "remit.yaml", "people.db"


def add(commands: Any) -> None:
    """Adds the commands."""
    group = commands.add_parser(
        "review",
        help="compare replies, blind; preferences to train on",
        description="Shows pairs of replies to people, rule by rule, and keeps what they say.",
        epilog=_EXAMPLES,
    )
    actions = group.add_subparsers(metavar="ACTION", title="actions", required=True)
    start = actions.add_parser("start", help="compare in the browser", epilog=_EXAMPLES)
    start.add_argument("pairs", metavar="PAIRS", type=Path, help="JSON Lines; see below")
    start.add_argument(
        "--remit", metavar="REMIT", required=True, help="whose rules are asked about"
    )
    start.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the verdicts")
    start.add_argument("--port", metavar="N", type=int, default=8410, help="default 8410")
    start.set_defaults(run=_start)
    agreed = actions.add_parser("agreement", help="do reviewers agree?", epilog=_EXAMPLES)
    agreed.add_argument("folder", metavar="DIR", type=Path, help="the --out of start")
    agreed.add_argument("--json", action="store_true", help="as JSON")
    agreed.set_defaults(run=_agreement)
    export = actions.add_parser("export", help="rows to train on", epilog=_EXAMPLES)
    export.add_argument("folder", metavar="DIR", type=Path, help="the --out of start")
    export.add_argument("--consent", metavar="TEXT", required=True, help="the basis for using them")
    export.add_argument("--out", metavar="DIR", type=Path, required=True, help="for the rows")
    export.add_argument("--json", action="store_true", help="the counts as JSON")
    export.set_defaults(run=_export)


def _start(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    import asyncio

    from remit.layers.training.preferences import PairsError, StoreError, read_pairs

    remit_of(arguments.remit)
    folder = arguments.out
    try:
        _readable(arguments.pairs)
        read_pairs(arguments.pairs)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _kept(arguments.pairs, folder / _PAIRS)
        _kept(Path(arguments.remit), folder / _REMIT)
        asyncio.run(_serve(folder, arguments.port))
    except (PairsError, StoreError) as error:
        raise CannotRunError(str(error)) from None
    return 0


def _readable(path: Path) -> None:
    if not path.is_file():
        raise CannotRunError(f"{path}: no such file; name one of lines {{prompt, a, b}}")


def _kept(source: Path, place: Path) -> None:
    """The folder holds what its verdicts are about; other pairs or rules want another folder."""
    if not place.exists():
        shutil.copyfile(source, place)
    elif place.read_bytes() != source.read_bytes():
        raise MisuseError(f"review: {place} differs from {source}; give another --out for it")


async def _serve(folder: Path, port: int) -> None:
    from remit.console import Console, Live
    from remit.console.pages.review import ReviewDesk
    from remit.console.table import REVIEW_ONLY
    from remit.evidence import Evidence
    from remit.http.server import serve

    policy, pairs, store = _opened(folder)
    with Evidence.open(folder / _PEOPLE) as evidence:
        console = Console(
            evidence,
            lambda: Live(policy),
            routes=REVIEW_ONLY,
            review=ReviewDesk(pairs, store),
        )
        server = await serve(console, port=port)
        try:
            path = await console.invitation() or "/console/"
            address = f"http://127.0.0.1:{server.port}"
            say(f"{len(pairs):,} pairs to compare: {address}{path}\nCtrl-C when done")
            await _stopped()
        finally:
            await console.drain()
            await server.close(2.0)
            await console.close()


async def _stopped() -> None:
    import asyncio

    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stop.set)
    await stop.wait()


def _opened(folder: Path) -> tuple[Policy, tuple[Pair, ...], Store]:
    from remit.layers.training.preferences import PairsError, Store, StoreError, read_pairs

    if not (folder / _PAIRS).is_file():
        raise CannotRunError(f"{folder}: nothing was compared there; see remit review start")
    try:
        policy = remit_of(str(folder / _REMIT)).policy
        return policy, read_pairs(folder / _PAIRS), Store(folder)
    except (PairsError, StoreError) as error:
        raise CannotRunError(str(error)) from None


def _measured(folder: Path) -> tuple[Policy, tuple[Pair, ...], Store, Agreement]:
    from remit.console.pages.review import asked
    from remit.layers.training.preferences import StoreError, agreement

    policy, pairs, store = _opened(folder)
    rules = dict.fromkeys(rule.id for pair in pairs for rule in asked(policy, pair))
    try:
        return policy, pairs, store, agreement(pairs, store.verdicts(), tuple(rules))
    except StoreError as error:
        raise CannotRunError(str(error)) from None


def _agreement(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    policy, _, _, found = _measured(arguments.folder)
    if arguments.json:
        say_json(_as_json(found))
        return 1 if found.ambiguous else 0
    heading = ("rule", "pairs", "twice", "same", "alpha", "what follows")
    rows = [
        (
            one.rule,
            str(one.pairs),
            str(one.doubled),
            "–" if one.agreed is None else f"{one.agreed:.0%}",
            _number(one.alpha),
            one.why,
        )
        for one in found.rules
    ]
    say("\n".join(table([heading, *rows])))
    people = [
        (
            one.reviewer,
            str(one.verdicts),
            f"{one.gold_right} of {one.gold_asked}" if one.gold_asked else "–",
            _number(one.kappa),
        )
        for one in found.reviewers
    ]
    if people:
        say()
        say("\n".join(table([("reviewer", "pairs", "gold right", "kappa"), *people])))
    for one in found.ambiguous:
        owner = policy.rule(one.rule).owner if one.rule in {r.id for r in policy.rules} else ""
        say(f"\n{one.rule} is ambiguous and trains nothing: {one.why}; ask {owner or 'its owner'}")
    return 1 if found.ambiguous else 0


def _as_json(found: Agreement) -> dict[str, Any]:
    return {
        "rules": [
            {
                "rule": one.rule,
                "pairs": one.pairs,
                "doubled": one.doubled,
                "agreed": one.agreed,
                "alpha": one.alpha if isinstance(one.alpha, float) else None,
                "interval": _ends(one.interval),
                "ambiguous": one.ambiguous,
                "why": one.why,
            }
            for one in found.rules
        ],
        "reviewers": [
            {
                "reviewer": one.reviewer,
                "verdicts": one.verdicts,
                "gold_right": one.gold_right,
                "gold_asked": one.gold_asked,
                "kappa": one.kappa if isinstance(one.kappa, float) else None,
                "seconds": one.seconds,
            }
            for one in found.reviewers
        ],
    }


def _ends(interval: Any) -> list[float] | None:
    from remit.statistics.judges import NotEstimable

    return None if isinstance(interval, NotEstimable) else [interval.low, interval.high]


def _number(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else "–"


def _export(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.layers.monitor.privacy import Gate
    from remit.layers.training.preferences import exported

    policy, pairs, store, found = _measured(arguments.folder)
    gate = Gate.of(policy.regions)
    try:
        rows = exported(
            pairs, store.verdicts(), found, consent=arguments.consent, passed=gate.passed
        )
    except ValueError as error:
        raise MisuseError(str(error)) from None
    _write(arguments.out, rows)
    counts = {"dpo": len(rows.dpo), "sft": len(rows.sft), "gate": len(rows.gate)}
    if arguments.json:
        say_json({**counts, "left": rows.left, "masked": gate.found, "smoothing": rows.smoothing})
        return 0
    say(f"{counts['dpo']:,} pairs and {counts['sft']:,} edits to train on, {counts['gate']:,} kept")
    say(f"for the gate, in {arguments.out}")
    for reason, count in sorted(rows.left.items()):
        say(f"  {count:,} gave nothing: {reason}")
    for label, count in sorted(gate.found.items()):
        say(f"  masked: {label}, {count:,}")
    return 0


def _write(out: Path, rows: Exported) -> None:
    import orjson

    out.mkdir(parents=True, exist_ok=True)
    for name, values in (("dpo", rows.dpo), ("sft", rows.sft), ("gate", rows.gate)):
        lines = b"".join(orjson.dumps(value) + b"\n" for value in values)
        (out / f"{name}.jsonl").write_bytes(lines)
