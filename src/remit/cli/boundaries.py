"""`remit check`, `diff` and `prompt`: what a remit says, and whether it holds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from remit.cli.terminal import (
    MisuseError,
    complain,
    exit_code,
    remit_of,
    safe,
    say,
    say_json,
    shown,
    source_lines,
)

if TYPE_CHECKING:
    from remit.policy import Policy, Problem

_CHECK = """\
examples:
  remit check remit.yaml                  what would not hold, and where
  remit check remit.yaml --json           for programs
  remit check remit.yaml --sarif > r.sarif    for code hosts and editors
  remit check --schema > remit.schema.json    JSON Schema, for completion in editors

Every example under breaks: must be found by the rule's own detectors, and none under keeps:.
Exit code 1 where there is an error; warnings and notes alone give 0, or 1 with --strict.
"""
_DIFF = """\
examples:
  remit diff old.yaml new.yaml
  remit diff old.yaml new.yaml --json
  remit diff main.yaml mine.yaml --no-milder    exit code 1 where a boundary gets milder (CI)
"""
_PROMPT = """\
examples:
  remit prompt remit.yaml
  remit prompt remit.yaml --for anthropic --language nl
  remit prompt remit.yaml --tokens 900    leaves out reasons, then examples, then answers

Tokens are estimated on the high side, without the model's own tokeniser.
"""


def add(commands: Any) -> None:
    """Adds the commands."""
    check = commands.add_parser(
        "check",
        help="does a remit hold?",
        description="Reads a remit and says what would not hold, with line and cure.",
        epilog=_CHECK,
    )
    check.add_argument("remit", nargs="?", metavar="REMIT")
    shape = check.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="problems as JSON")
    shape.add_argument("--sarif", action="store_true", help="problems as SARIF 2.1.0")
    shape.add_argument("--schema", action="store_true", help="the JSON Schema of a remit")
    check.add_argument("--strict", action="store_true", help="warnings count as errors")
    check.set_defaults(run=_check)

    diff = commands.add_parser(
        "diff",
        help="what changed between two remits, and for whom",
        description="Says what changed between two remits: stricter, milder, or only in words.",
        epilog=_DIFF,
    )
    diff.add_argument("a", metavar="A")
    diff.add_argument("b", metavar="B")
    diff.add_argument("--json", action="store_true", help="changes as JSON")
    diff.add_argument("--no-milder", action="store_true", help="exit code 1 where one is milder")
    diff.set_defaults(run=_diff)

    prompt = commands.add_parser(
        "prompt",
        help="the system prompt that a remit asks for",
        description="Writes the system prompt of a remit, fitted to a budget.",
        epilog=_PROMPT,
    )
    prompt.add_argument("remit", metavar="REMIT")
    prompt.add_argument("--for", dest="dialect", choices=("openai", "anthropic"), default="openai")
    prompt.add_argument("--tokens", type=int, metavar="N", help="the budget")
    prompt.add_argument("--language", metavar="CODE", help="answers in one language only")
    prompt.add_argument("--json", action="store_true", help="with tokens and what was left out")
    prompt.set_defaults(run=_prompt)


# --- check ------------------------------------------------------------------------------------


def _check(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.policy import schema

    if arguments.schema:
        say_json(schema())
        return 0
    if arguments.remit is None:
        raise MisuseError("check: name a remit, as in `remit check remit.yaml`")
    policy, problems = _checked(arguments.remit)
    if arguments.sarif:
        from remit import __version__
        from remit.policy.sarif import sarif

        say_json(sarif(problems, __version__))
    elif arguments.json:
        say_json(_as_json(arguments.remit, policy, problems))
    else:
        _show(arguments.remit, policy, problems)
    worth_a_look = [problem for problem in problems if problem.level != "note"]
    return exit_code(problems) or int(arguments.strict and bool(worth_a_look))


def _checked(path: str) -> tuple[Policy | None, list[Problem]]:
    from remit.check import check
    from remit.policy import PolicyError, load

    try:
        loaded = load(path)
    except PolicyError as error:
        return None, error.problems
    return loaded.policy, check(loaded)


def _show(path: str, policy: Policy | None, problems: Sequence[Problem]) -> None:
    lines = source_lines(path)
    for problem in problems:
        say(shown(problem, lines))
    counts = []
    for level in ("error", "warning", "note"):
        count = sum(problem.level == level for problem in problems)
        if count:
            counts.append(f"{count} {level}{'s' * (count > 1)}")
    what = f"{len(policy.rules)} rules, " if policy else ""
    say(f"{safe(path)}: {what}{', '.join(counts) or 'no problems'}")


def _as_json(path: str, policy: Policy | None, problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "file": path,
        "ok": exit_code(problems) == 0,
        "policy": policy.digest if policy else None,
        "rules": len(policy.rules) if policy else None,
        "problems": [
            {
                "file": problem.file,
                "line": problem.mark.line,
                "column": problem.mark.column,
                "level": problem.level,
                "code": problem.code,
                "rule": problem.rule or None,
                "message": problem.message,
            }
            for problem in problems
        ],
    }


# --- diff and prompt --------------------------------------------------------------------------


def _diff(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.policy.diff import as_json, diff, in_words

    a, b = remit_of(arguments.a).policy, remit_of(arguments.b).policy
    changes = diff(a, b)
    if arguments.json:
        say_json({"a": a.digest, "b": b.digest, "changes": as_json(changes)})
    else:
        say("\n".join(safe(line) for line in in_words(changes).split("\n")))
    milder = any(change.effect in ("milder", "mixed") for change in changes)
    return int(arguments.no_milder and milder)


def _prompt(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from remit.layers.prompt import PromptError, compile_prompt

    policy = remit_of(arguments.remit).policy
    try:
        prompt = compile_prompt(
            policy,
            tokens=arguments.tokens,
            language=arguments.language,
            dialect=arguments.dialect,
        )
    except PromptError as error:
        raise MisuseError(f"prompt: {error}") from None
    if arguments.json:
        say_json(
            {
                "text": prompt.text,
                "tokens": prompt.tokens,
                "left_out": list(prompt.left_out),
                "policy": policy.digest,
            }
        )
        return 0
    if prompt.left_out:
        complain(f"left out to fit {arguments.tokens} tokens: {', '.join(prompt.left_out)}")
    say(prompt.text)
    return 0
