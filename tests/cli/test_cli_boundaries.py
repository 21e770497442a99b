"""`check`, `diff` and `prompt`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remit.cli import main


def test_check_of_a_sound_remit_exits_with_0(
    remit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", remit]) == 0
    assert capsys.readouterr().out == f"{remit}: 2 rules, no problems\n"


def test_check_shows_the_line_and_puts_a_caret_under_the_place(
    text: str, remit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = text.replace("[You should sue him.]", "[You should sue., Unfound.]")
    Path(remit).write_text(changed, "utf-8")
    assert main(["check", remit]) == 1
    head, line, caret, summary = capsys.readouterr().out.rstrip("\n").split("\n")
    assert head.startswith(f"{remit}:13:31: error: rule no-advice: ")
    assert head.endswith("[breaks-not-found]")
    assert line[caret.index("^") :] == "Unfound.]"
    assert summary == f"{remit}: 2 rules, 1 error"


def test_check_as_json_says_the_same(
    text: str, remit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(remit).write_text(text.replace("says: Does", "say: Does"), "utf-8")
    assert main(["check", remit, "--json"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert value["ok"] is False
    assert value["policy"] is None
    (problem,) = value["problems"]
    assert (problem["line"], problem["level"], problem["rule"]) == (7, "error", "no-advice")


def test_check_as_sarif_and_the_schema(remit: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--sarif", remit]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == "2.1.0"
    assert main(["check", "--schema"]) == 0
    assert "rules" in json.loads(capsys.readouterr().out)["properties"]


def test_a_warning_fails_only_a_strict_check(
    text: str, remit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(remit).write_text(text.replace("    keeps: [Nothing of the kind.]\n", ""), "utf-8")
    assert main(["check", remit]) == 0
    assert main(["check", remit, "--strict"]) == 1
    assert "1 warning" in capsys.readouterr().out


def test_a_remit_cannot_send_control_characters_to_the_terminal(
    text: str, remit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(remit).write_text(text.replace("owner", "own\u202eer"), "utf-8")
    assert main(["check", remit]) == 1
    assert "\u202e" not in capsys.readouterr().out


# --- diff and prompt -----------------------------------------------------------------------------


def test_diff_says_what_got_milder_and_can_fail_on_it(
    text: str, remit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    milder = tmp_path / "milder.yaml"
    milder.write_text(text.replace("output: block", "output: flag"), "utf-8")
    assert main(["diff", remit, str(milder)]) == 0
    assert "no-advice (Someone): output block → flag" in capsys.readouterr().out
    assert main(["diff", remit, str(milder), "--no-milder"]) == 1
    assert main(["diff", str(milder), remit, "--no-milder"]) == 0
    capsys.readouterr()
    assert main(["diff", remit, "--json", remit]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []


def test_prompt_prints_the_prompt_and_says_what_is_left_out(
    remit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prompt", remit, "--for", "anthropic"]) == 0
    full = capsys.readouterr()
    assert full.out.startswith("<role>\nYou are Ada")
    assert full.err == ""
    assert main(["prompt", remit, "--json"]) == 0
    tokens = json.loads(capsys.readouterr().out)["tokens"]
    assert main(["prompt", remit, "--tokens", str(tokens - 1)]) == 0
    assert "left out" in capsys.readouterr().err
    assert main(["prompt", remit, "--tokens", "5"]) == 2
    assert "allow " in capsys.readouterr().err
