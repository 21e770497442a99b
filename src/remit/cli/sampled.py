"""`remit filter label` and `card`: what people say of a run's sample, and the data card."""

from __future__ import annotations

import argparse
from pathlib import Path

from remit.cli.terminal import CannotRunError, MisuseError, complain, say, say_json


def label(arguments: argparse.Namespace) -> int:
    from remit.layers.data.card.labels import LabelFileError
    from remit.layers.data.label import LabelServer
    from remit.layers.data.sources import SourceError

    folder, *inputs = arguments.inputs
    if arguments.port is not None and not 0 <= arguments.port <= 65_535:
        raise MisuseError("filter label: --port must be from 0 to 65535")
    steps = [name.strip() for name in arguments.rule.split(",") if name.strip()]
    try:
        server = LabelServer(folder, inputs, steps, arguments.port or 0)
    except (LabelFileError, SourceError, OSError) as error:
        raise CannotRunError(str(error)) from None
    if not len(server.desk):
        server.server_close()
        named = f" of {', '.join(steps)}" if steps else ""
        raise CannotRunError(f"{folder}: there is no sample{named} to label")
    from remit.cli.pages import ended_by_interrupt

    with server:
        with ended_by_interrupt(server):
            say(f"{len(server.desk)} rows to label: {server.url}\nCtrl-C when done")
            server.serve_forever()
        complain(f"kept in {Path(folder, 'labels.jsonl')}; see remit filter card {folder}")
    return 0


def card(arguments: argparse.Namespace) -> int:
    from remit.layers.data.card import page
    from remit.layers.data.card.labels import LabelFileError

    if len(arguments.inputs) != 1:
        raise MisuseError("filter card: name the folder of a run")
    (folder,) = arguments.inputs
    try:
        told = page.write(folder)
    except LabelFileError as error:
        raise CannotRunError(str(error)) from None
    if arguments.json:
        say_json(told)
    else:
        say(str(Path(folder, page.PAGE)))
    return 0
