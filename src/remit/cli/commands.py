"""The command `remit`: which commands there are, and how each of them ends."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from remit import __version__
from remit.cli import (
    boundaries,
    cases,
    filtering,
    intervening,
    labelling,
    monitoring,
    people,
    record,
    reporting,
    reviewing,
    scanning,
    serving,
    starting,
    training,
    verifying,
)
from remit.cli.grammar import Grammar
from remit.cli.terminal import CannotRunError, MisuseError, complain

_GROUPS = (
    starting,
    boundaries,
    scanning,
    filtering,
    reviewing,
    training,
    serving,
    verifying,
    labelling,
    cases,
    intervening,
    monitoring,
    people,
    record,
    reporting,
)

Command = Callable[[argparse.Namespace, Mapping[str, str]], int]

_DESCRIPTION = "Keeps an AI model within the boundaries its owner has set, and proves it."
_EPILOG = """\
start:
  remit init --template accounting remit.yaml    write a remit
  remit check remit.yaml                         does it hold?
  remit serve remit.yaml                         try it in the browser
  remit COMMAND --help                           examples of each command

exit codes:
  0  done, nothing wrong
  1  the remit, or what was looked at, has problems
  2  the command was not understood
  3  it cannot be done: a file, an address or the disk; verify: not enough evidence
  130  stopped with Ctrl-C
"""


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = Grammar(
        prog="remit",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    top.add_argument("--version", action="version", version=f"remit {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", title="commands")
    for group in _GROUPS:
        group.add(commands)
    return top


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Runs one command and answers its exit code. Users' errors are told without a traceback."""
    grammar = parser()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a letter shows its code; it is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = grammar.parse_args(argv)
        command: Command | None = getattr(arguments, "run", None)
        if command is None:
            grammar.print_help(sys.stderr)
            return 2
        code = _ended(command, arguments, os.environ if environ is None else environ)
        sys.stdout.flush()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    except BrokenPipeError:
        # Whoever read our output has seen enough. Point stdout elsewhere, or Python complains of
        # the same pipe once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        complain("stopped")
        return 130
    return code


def _ended(command: Command, arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    try:
        return command(arguments, environ)
    except MisuseError as error:
        complain(str(error))
        return 2
    except CannotRunError as error:
        complain(str(error))
        return 3
    except BrokenPipeError:
        raise
    except OSError as error:
        complain(f"{error.filename or 'input or output'}: {error.strerror or error}")
        return 3
