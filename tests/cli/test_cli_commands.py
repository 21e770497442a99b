"""Help, exit codes, `init`: what every command has in common."""

from __future__ import annotations

import argparse
import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from remit.cli import main
from remit.cli.commands import parser
from remit.policy import loads
from remit.policy.templates import names

ROOT = Path(__file__).parents[2]


def subcommands(grammar: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (group,) = (a for a in grammar._actions if isinstance(a, argparse._SubParsersAction))
    return dict(group.choices)


@pytest.mark.parametrize("name", subcommands(parser()))
def test_each_commands_help_has_examples_and_the_manual_knows_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"remit {name} " in shown[shown.index("examples:") :]
    manual = (ROOT / "docs/cli.md").read_text("utf-8")
    section = manual[manual.index(f"\n## remit {name}") + 4 :].split("\n## ")[0]
    assert f"remit {name} " in section
    for option in re.findall(r"\n  (--[a-z-]+)", shown):
        assert option in section, f"docs/cli.md does not say what {option} of {name} is"


def test_the_top_help_names_every_command_and_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in subcommands(parser()):
        assert re.search(rf"^    {name} ", shown, re.MULTILINE)
    assert re.search(r"130 +stopped with Ctrl-C", shown)


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["scan"], ["check"], ["prompt", "x", "--tokens", "many"], ["evidence"]],
)
def test_a_command_that_is_not_understood_exits_with_2(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "prompt", "scan", "serve", "diff"])
def test_a_remit_that_is_not_there_exits_with_3_and_the_cure(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none.yaml")
    more = {"scan": ["--stage", "input"], "diff": [missing], "serve": ["--port", "0"]}
    evidence = ["--evidence", str(tmp_path / "e.db")] if command == "serve" else []
    assert main([command, missing, *more.get(command, []), *evidence], {}) == 3
    shown = capsys.readouterr()
    assert "`remit init" in shown.out + shown.err
    assert "Traceback" not in shown.err


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from remit.cli import main; main(['--help'])\n"
        "heavy = {'pydantic', 'hyperscan', 'yaml', 'asyncio', 'orjson', 'jinja2', 'sqlite3'}\n"
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# --- init ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", names())
def test_init_writes_a_remit_that_loads_and_never_overwrites(
    template: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    asked = ["init", "--template", template, "--organisation", "Bolt & Co", str(path)]
    assert main(asked) == 0
    assert loads(path.read_bytes()).policy.organisation == "Bolt & Co"
    path.write_text("mine")
    assert main(asked) == 3
    assert "--force" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main([*asked, "--force"]) == 0
    assert path.read_text() != "mine"


@pytest.mark.parametrize(
    ("wrong", "cure"),
    [
        (["--template", "zoo"], "accounting"),
        (["--languages", "english"], "codes such as"),
        (["--regions", "Europe"], "codes such as"),
    ],
)
def test_init_refuses_what_cannot_be_and_writes_nothing(
    wrong: list[str], cure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.yaml"
    assert main(["init", *wrong, str(path)]) == 2
    assert cure in capsys.readouterr().err
    assert not path.exists()


def test_init_asks_on_a_terminal_and_asks_again_where_the_answer_cannot_be(
    tmp_path: Path,
) -> None:
    path = tmp_path / "asked.yaml"
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "remit.cli", "init", str(path)],
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, b"zoo\nblank\nBolt & Co\n\n\n\n\nenglish\nnl\nNL\n")
    assert process.wait(30) == 0
    os.close(ours)
    policy = loads(path.read_bytes()).policy
    assert policy.organisation == "Bolt & Co"
    assert policy.assistant is not None
    assert policy.assistant.languages == ("nl",)
