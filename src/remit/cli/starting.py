"""`remit init`: a remit to start from."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remit.cli.terminal import CannotRunError, MisuseError, say, say_json

_EXAMPLES = """\
examples:
  remit init                                      asks, then writes remit.yaml
  remit init --template accounting remit.yaml     a template, with what you answer
  remit init --template web-shop --organisation "Bolt & Co" --languages en,nl --regions NL shop.yaml
  remit init --template blank -                   to standard output

Without a terminal nothing is asked: what is not given takes its default. A file that is there
already is kept, unless --force.
"""
_KEYS = ("organisation", "assistant", "colleague", "owner", "reviewer", "languages", "regions")


def add(commands: Any) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "init",
        help="write a remit to start from",
        description="Writes a remit from a template, with your answers filled in.",
        epilog=_EXAMPLES,
    )
    command.add_argument("file", nargs="?", default="remit.yaml", metavar="FILE")
    command.add_argument("--template", metavar="NAME", help="accounting, blank, web-shop, …")
    command.add_argument("--organisation", metavar="NAME", help="whose assistant it is")
    command.add_argument("--assistant", metavar="NAME", help="the assistant's name")
    command.add_argument("--colleague", metavar="WHO", help="who takes over from it")
    command.add_argument("--owner", metavar="ROLE", help="who is responsible for it")
    command.add_argument("--reviewer", metavar="ROLE", help="who reviews its boundaries")
    command.add_argument("--languages", metavar="CODES", help="what it answers in: en,nl")
    command.add_argument("--regions", metavar="CODES", help="countries of its clients: NL,GB")
    command.add_argument("--force", action="store_true", help="overwrite FILE")
    command.add_argument("--list", action="store_true", help="list the templates")
    command.add_argument("--json", action="store_true", help="the result as JSON")
    command.set_defaults(run=_init)


def _init(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.policy import loads
    from remit.policy.templates import names, render

    if arguments.list:
        say("\n".join(names()))
        return 0
    given = {key: getattr(arguments, key) for key in _KEYS if getattr(arguments, key) is not None}
    _free(arguments)
    asking = sys.stdin.isatty() and sys.stderr.isatty() and not given and not arguments.template
    template = arguments.template or (_ask_template(names()) if asking else "blank")
    try:
        answers = _ask(template) if asking else given
        text = render(template, answers)
    except (KeyError, ValueError) as error:
        raise MisuseError(str(error.args[0])) from None
    policy = loads(text, arguments.file).policy
    if arguments.file == "-":
        sys.stdout.write(text)
        return 0
    _write(Path(arguments.file), text, force=arguments.force)
    if arguments.json:
        say_json({"file": arguments.file, "template": template, "policy": policy.digest})
        return 0
    say(f"{arguments.file}: {len(policy.rules)} rules, from the template {template}")
    say("Read it: it is yours from now on. Then:")
    say(f"  remit check {arguments.file}    does it hold?")
    say(f"  remit serve {arguments.file}    try it in the browser")
    return 0


def _free(arguments: argparse.Namespace) -> None:
    """Before anything is asked: a file that is there is kept."""
    if arguments.file != "-" and not arguments.force and Path(arguments.file).exists():
        raise CannotRunError(f"{arguments.file} is there already; give another name, or --force")


def _write(path: Path, text: str, *, force: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        with os.fdopen(os.open(path, flags, 0o666), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise CannotRunError(f"{path} is there already; give another name, or --force") from None
    except FileNotFoundError:
        raise CannotRunError(f"{path}: there is no folder {path.parent}; make it first") from None


def _ask_template(known: tuple[str, ...]) -> str:
    while True:
        answer = _answer(f"Template ({', '.join(known)})", "blank")
        if answer in known:
            return answer
        sys.stderr.write(f"  no template '{answer}'\n")


def _ask(template: str) -> dict[str, str]:
    from remit.policy.templates import questions, render

    answers: dict[str, str] = {}
    for question in questions(template):
        while True:
            answer = _answer(question.prompt, question.default)
            try:
                render(template, {question.key: answer})
            except ValueError as error:
                sys.stderr.write(f"  {error}\n")
                continue
            answers[question.key] = answer
            break
    return answers


def _answer(prompt: str, default: str) -> str:
    sys.stderr.write(f"{prompt} [{default}]: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise KeyboardInterrupt
    return line.strip() or default
