"""`remit filter` as people run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

ROWS = b"".join(
    b'{"id": "r%d", "text": "%s"}\n'
    % (n, b"Then you should sue." if n % 5 == 0 else b"Good morning, jan@example.com.")
    for n in range(50)
)


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(ROWS)
    (folder / "b.jsonl").write_bytes(b'{"text": "fine"}\nbroken\n')
    (folder / "readme.md").write_bytes(b"# about")
    return folder


def test_rows_that_break_a_rule_are_left_out_and_everything_is_counted(
    run, remit, corpus, tmp_path
):
    done = run("filter", remit, str(corpus), "--out", str(tmp_path / "out"), "--workers", "1")
    assert done.returncode == 0, done.stderr
    shown = done.stdout.decode()
    assert "dropped      10" in shown
    assert "no-advice     drop  10" in shown
    assert "readme.md" in shown
    kept = (tmp_path / "out" / "data" / "a.jsonl-00000.jsonl").read_bytes()
    assert kept == b"".join(r for r in ROWS.splitlines(keepends=True) if b"sue" not in r)


def test_totals_come_as_json_and_a_second_run_says_it_was_done(run, remit, corpus, tmp_path):
    command = ["filter", remit, str(corpus), "--out", str(tmp_path / "out"), "--workers", "2"]
    totals = json.loads(run(*command, "--json").stdout)
    assert totals["rows"] == {"kept": 41, "changed": 0, "dropped": 10, "quarantined": 1, "blank": 0}
    assert totals["rows_in"] == 52
    again = run(*command, "--json")
    assert json.loads(again.stdout) == totals
    assert run("filter", "verify", str(tmp_path / "out")).returncode == 0


def test_a_row_is_explained_and_a_person_found(run, remit, corpus, tmp_path):
    out = str(tmp_path / "out")
    run("filter", remit, str(corpus), "--out", out, "--workers", "1")
    told = run("filter", "explain", out, "r5")
    assert told.returncode == 0
    assert "no-advice (Someone) asks drop; text; 5-19" in told.stdout.decode()
    assert run("filter", "explain", out, "a.jsonl:99").returncode == 1
    found = json.loads(run("filter", "erase", out, "jan@example.com", "--json").stdout)
    assert len(found["rows"]) == 40
    searched = json.loads(run("filter", "erase", out, "good morning", "--json").stdout)
    assert len(searched["lines"]) == 40


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["missing.jsonl", "--out", "OUT"], 3, "no such file"),
        (["CORPUS"], 2, "--out DIR"),
        (["CORPUS", "--out", "OUT", "--workers", "0"], 2, "--workers"),
        (["CORPUS", "--out", "OUT", "--column", "a=poet"], 2, "NAME=ROLE"),
        (["CORPUS", "--out", "OUT", "--dedup", "fuzzy"], 2, "have exact, minhash"),
        (["CORPUS", "--out", "CORPUS"], 3, "outside it"),
    ],
)
def test_what_cannot_be_done_is_named_with_its_cure(
    run, remit, corpus, tmp_path, arguments, code, told
):
    given = [{"CORPUS": str(corpus), "OUT": str(tmp_path / "out")}.get(a, a) for a in arguments]
    done = run("filter", remit, *given)
    assert done.returncode == code
    assert told in done.stderr.decode()


def test_ctrl_c_stops_it_and_the_same_command_goes_on(remit, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02}.jsonl").write_bytes(ROWS)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "remit.cli", "filter", remit, str(folder), "--workers", "1"]
    command += ["--out", str(out), "--json"]
    # Whoever starts the tests may have told its children to ignore Ctrl-C.
    heard = "import signal, os, sys; signal.signal(2, signal.default_int_handler);"
    heard += "os.execv(sys.argv[1], sys.argv[1:])"
    first = subprocess.Popen([sys.executable, "-c", heard, *command], stderr=subprocess.PIPE)
    while first.poll() is None and not (out / ".work" / "parts").exists():
        time.sleep(0.005)
    os.kill(first.pid, signal.SIGINT)
    _, told = first.communicate(timeout=60)
    if first.returncode == 130:
        assert b"the same command goes on from here" in told
        assert not (out / "ledger.jsonl").exists()
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["rows_in"] == 3_000
