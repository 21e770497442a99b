"""`remit train export`: rows in the formats of other trainers."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remit.cli.terminal import CannotRunError, safe, say, say_json

_EXAMPLES = """\
examples:
  remit train export --to openrlhf pairs.jsonl pairs.openrlhf.jsonl
  remit train export --to verl prompts.jsonl prompts.parquet
  remit train export --to nemo-rl pairs.jsonl pairs.nemo.jsonl
"""


def add(verbs: Any) -> None:
    """Adds the verb."""
    parser = verbs.add_parser(
        "export",
        help="write rows for OpenRLHF, verl or NeMo-RL",
        description="Writes rows in the format of another trainer; see docs/layer-2-training.md.",
        epilog=_EXAMPLES,
    )
    parser.add_argument("rows", metavar="ROWS", help="JSON Lines, as for sft, dpo or rloo")
    parser.add_argument("out", metavar="OUT", help="a new file")
    parser.add_argument("--to", required=True, choices=("openrlhf", "verl", "nemo-rl"))
    parser.add_argument("--force", action="store_true", help="overwrite OUT")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    parser.set_defaults(run=_export)


def _export(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.layers.training.engine import TrainingError
    from remit.layers.training.export import export, first_row, method_of
    from remit.layers.training.extra import MissingExtraError
    from remit.layers.training.rows import RowsError, read_rows

    out = Path(arguments.out)
    if out.exists() and not arguments.force:
        raise CannotRunError(f"{out} is there already; give another name, or --force")
    if not Path(arguments.rows).is_file():
        raise CannotRunError(f"{arguments.rows}: no such file; name a file of JSON Lines")
    try:
        method = method_of(first_row(Path(arguments.rows)))
        written = export(read_rows([arguments.rows], method), arguments.to, out)
    except (TrainingError, RowsError, MissingExtraError) as error:
        raise CannotRunError(str(error)) from None
    if arguments.json:
        say_json({"file": str(out), **written.to_json()})
    else:
        say(f"{safe(str(out))}: {written.rows:,} rows for {arguments.to}")
    return 0
