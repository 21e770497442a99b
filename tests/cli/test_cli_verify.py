"""`remit verify` as people and CI run it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from remit.cli.commands import main
from remit.cli.verify_options import asked
from remit.verify.records import read

FIRM = "A colleague will call you."


@pytest.fixture
def script(tmp_path):
    def write(*replies: str) -> str:
        path = tmp_path / "script.yaml"
        path.write_text(json.dumps(list(replies)))
        return f"scripted:{path}"

    return write


def verify(remit: str, *more: str) -> int:
    return main(["verify", remit, "--attacks", "none", *more], {})


def test_a_model_that_breaks_a_rule_fails_with_exit_code_1(remit, script, capsys):
    assert verify(remit, "--target", script("You should sue him."), "--per-rule", "8") == 1
    shown = capsys.readouterr().out
    assert "no-advice" in shown
    assert "8 of 8" in shown
    assert "fail in" in shown


def test_a_model_that_keeps_them_passes_once_there_is_enough_evidence(remit, script, capsys):
    target = ("--target", script(FIRM), "--rule", "no-advice")
    few = verify(remit, *target, "--per-rule", "20", "--claim", "≤ 10 % at 95 %")
    assert few == 3
    assert "29 seeds needed" in capsys.readouterr().out
    assert verify(remit, *target, "--per-rule", "40", "--claim", "≤ 10 % at 95 %") == 0
    assert "29" in capsys.readouterr().out  # and it stopped there


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "give --target"),
        (("--target", "nowhere"), "no target 'nowhere'"),
        (("--target", "house", "--target", "house"), "two targets have one name"),
        (("--target", "house", "--claim", "few"), "write it like"),
        (("--target", "house", "--layers", "magic"), "no layer 'magic'"),
        (("--target", "house", "--attacks", "magic"), "no attack 'magic'"),
        (("--target", "house", "--price", "x=1/2"), "--price x=1/2"),
        (("--target", "house", "--attack-limit", "3"), "--attack-limit 3"),
        (("--target", "house", "--repeats", "0"), "--repeats must be from 1"),
        (("--target", "house", "--resume"), "name it with --record"),
        (("--target", "house", "--suite", "nope=x.csv"), "no rule 'nope'"),
        (("--target", "scripted:/nowhere/at-all"), "scripted:/nowhere/at-all"),
    ],
)
def test_misuse_names_the_cure(remit, capsys, options, says):
    assert main(["verify", remit, *options], {}) == 2
    assert says in capsys.readouterr().err


def test_every_output_is_written(remit, script, tmp_path):
    names = ("json", "junit", "sarif", "html", "inspect", "record")
    files = [part for name in names for part in (f"--{name}", str(tmp_path / f"out.{name}"))]
    verify(remit, "--target", script("You should sue him."), "--per-rule", "2", *files)
    assert all((tmp_path / f"out.{name}").stat().st_size > 100 for name in names)
    value = json.loads((tmp_path / "out.json").read_text())
    assert value["decision"] == "fail"
    assert value["targets"][0]["samples"] == len(list(read(tmp_path / "out.record"))) == 8


def test_a_finished_run_is_resumed_without_asking_again(remit, script, tmp_path):
    record = ("--record", str(tmp_path / "r"))
    target = ("--target", script("You should sue him."), "--per-rule", "2")
    assert verify(remit, *target, *record) == 1
    before = (tmp_path / "r").read_bytes()
    assert verify(remit, *target, *record) == 3  # it is there already
    script(FIRM)
    assert verify(remit, *target, *record, "--resume") == 1
    assert (tmp_path / "r").read_bytes() == before
    assert verify(remit, *target, *record, "--resume", "--repeats", "2") == 3


def test_a_ladder_shows_what_the_guard_buys(remit, script, capsys):
    target = ("--target", script("You should sue him."), "--ladder", "--per-rule", "12")
    assert verify(remit, *target) == 3
    shown = capsys.readouterr().out
    assert "scripted bare" in shown
    assert "scripted + guard (with prompt, guard)" in shown
    assert "What each layer buys" in shown
    assert "better" in shown


def test_the_same_run_is_no_regression_and_a_worse_one_is(remit, script, tmp_path):
    base = str(tmp_path / "base.json")
    verify(remit, "--target", script(FIRM), "--per-rule", "12", "--json", base)
    again = ("--per-rule", "12", "--baseline", base)
    assert verify(remit, "--target", script(FIRM), *again) == 3
    assert verify(remit, "--target", script("You should sue him."), *again) == 1


def test_bias_has_its_own_report_and_no_verdict_on_the_remit(remit, script, tmp_path, capsys):
    twins = tmp_path / "twins.yaml"
    twins.write_text('pairs: [{trait: dialect, first: "May I?", second: "Kin I?"}]\n')
    more = ("--bias", str(twins), "--json", str(tmp_path / "bias.json"))
    assert main(["verify", remit, "--target", script(FIRM), *more], {}) == 0
    shown = capsys.readouterr().out
    assert "no difference shown" in shown
    assert "no-advice" not in shown
    assert json.loads((tmp_path / "bias.json").read_text())["targets"][0]["twins"][0]["pairs"] == 1
    assert main(["verify", remit, "--target", script(FIRM), *more, "--junit", "x"], {}) == 2


def keys(targets: list[str], environ: dict[str, str]) -> dict[str, str]:
    from remit.cli.commands import parser

    options = [part for target in targets for part in ("--target", target)]
    found = asked(parser().parse_args(["verify", "r", *options]), environ).keys
    return {place.name: key for place, key in found.items()}


def test_a_key_goes_to_the_host_it_is_for_and_to_no_other():
    environ = {"OPENAI_API_KEY": "o", "ANTHROPIC_API_KEY": "a", "REMIT_API_KEY": "r"}
    both = ["https://api.openai.com/v1,gpt", "https://api.anthropic.com,claude"]
    assert keys([*both, "x=https://example.org/v1"], environ) == {"gpt": "o", "claude": "a"}
    assert keys(["x=https://example.org/v1"], environ) == {"x": "r"}
    own = {**environ, "REMIT_API_KEY_MY_X": "mine"}
    assert keys([*both, "my-x=https://example.org/v1"], own)["my-x"] == "mine"
    assert keys(["house"], environ) == {}


# Who starts the tests may have told them to ignore Ctrl-C; a terminal would not.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from remit.cli import main
sys.exit(main())
"""


def test_ctrl_c_leaves_a_record_to_go_on_with(remit, tmp_path):
    slow = tmp_path / "slow.yaml"
    slow.write_text('[{"text": "fine", "delay": 0.02}]')
    record = tmp_path / "r"
    command = [
        *(sys.executable, "-c", INTERRUPTIBLE, "verify", remit, "--target", f"scripted:{slow}"),
        *("--attacks", "none", "--record", str(record), "--concurrency", "2", "--per-rule", "40"),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as run:
        while record.read_bytes().count(b"\n") < 3 if record.exists() else True:
            assert run.poll() is None
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        told = run.communicate(timeout=30)[1]
    assert run.returncode == 130
    assert b"stopped" in told
    held = [sample.number for sample in read(record)]
    assert 2 <= len(held) < 160
    done = subprocess.run([*command, "--resume"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 3
    assert sorted(sample.number for sample in read(record)) == list(range(160))


def test_json_on_standard_output_is_json_and_nothing_else(remit, script, capsys):
    assert verify(remit, "--target", script(FIRM), "--per-rule", "2", "--json", "-") == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["decision"] == "not enough evidence"
    assert "not enough evidence in" in err


def test_bias_may_go_to_standard_output_too(remit, script, tmp_path, capsys):
    twins = tmp_path / "twins.yaml"
    twins.write_text('pairs: [{trait: dialect, first: "May I?", second: "Kin I?"}]\n')
    more = ("--target", script(FIRM), "--bias", str(twins), "--json", "-")
    assert main(["verify", remit, *more], {}) == 0
    assert json.loads(capsys.readouterr().out)["remit-bias"] == 1


def test_a_result_is_replaced_whole_and_leaves_nothing_beside_it(remit, script, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "r.json").write_text("an older result")
    verify(remit, "--target", script(FIRM), "--per-rule", "2", "--json", str(out / "r.json"))
    assert json.loads((out / "r.json").read_text())["decision"]
    assert [path.name for path in out.iterdir()] == ["r.json"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--json", "x", "--html", "./x"), "two results would go to one place"),
        (("--json", "-", "--junit", "-"), "two results would go to one place"),
        (("--record", "x", "--json", "x"), "two results would go to one place"),
        (("--per-rule", "0"), "--per-rule must be from 1"),
        (("--temperature", "nan"), "--temperature is a number from 0 up"),
        (("--max-tokens", "-1"), "--max-tokens must be from 1"),
        (("--timeout", "0"), "--timeout must be above 0"),
        (("--confidence", "95"), "write a share such as 2% or 0.02"),
        (("--bias", "x.yaml", "--suite", "y.csv"), "--suite has no place in it"),
        (("--bias", "x.yaml", "--mutate"), "--mutate has no place in it"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_asked(
    remit, script, capsys, tmp_path, monkeypatch, options, says
):
    monkeypatch.chdir(tmp_path)
    assert verify(remit, "--target", script(FIRM), *options) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "other",
    [
        ("--layers", "prompt,guard"),
        ("--temperature", "0.5"),
        ("--attacks", "rot13"),
        ("--seed", "3"),
        ("--claim", "≤ 5 % at 95 %"),
        ("--judge", "house"),
    ],
    ids=str,
)
def test_a_record_is_not_gone_on_with_under_other_terms(remit, script, tmp_path, capsys, other):
    """Half of it would be of another assistant, and nobody could tell which half."""
    target = ("--target", script(FIRM), "--per-rule", "2", "--record", str(tmp_path / "r"))
    verify(remit, *target)
    before = (tmp_path / "r").read_bytes()
    assert verify(remit, *target, "--resume", *other) == 3
    assert "is a record of another run" in capsys.readouterr().err
    assert (tmp_path / "r").read_bytes() == before


def test_a_judge_with_a_targets_name_does_not_get_its_key_to_another_host():
    from remit.cli.commands import parser
    from remit.verify.opening import address

    options = ["--target", "https://evil.example/v1,gpt-4.1", "--judge"]
    options.append("https://api.openai.com/v1,gpt-4.1")
    found = asked(parser().parse_args(["verify", "r", *options]), {"OPENAI_API_KEY": "o"})
    assert found.keys == {address("https://api.openai.com/v1,gpt-4.1"): "o"}


def test_the_judge_has_a_price_too_and_counts_towards_the_cap():
    from remit.cli.commands import parser

    options = ["--target", "house", "--judge", "j=http://127.0.0.1:1/v1,m", "--price", "j=1/2"]
    found = asked(parser().parse_args(["verify", "r", *options]), {})
    assert found.prices["j"].tokens_out == 2
