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
        (["CORPUS", "--out", "OUT", "--rewrite", "http://127.0.0.1/v1"], 2, "URL,MODEL"),
        (["CORPUS", "--out", "OUT", "--rewrite", "http://a:b@127.0.0.1/v1,m"], 2, "password"),
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


TEXTS = [
    "Then you should sue.",
    "Y0u śhould  sue him",
    "you should\nsue",
    "Good morning, jan@example.com.",
    "You shouldn't sue",
    "\ufeffyou should sue\u0000",
    "yоu shоuld sue",
    "",
]


def test_a_scan_and_a_filter_say_the_same_of_the_same_rows(run, remit, tmp_path):
    rows = [{"id": str(n), "text": text} for n, text in enumerate(TEXTS)]
    rows += [
        {"id": f"c{n}", "messages": [{"role": "user", "content": "Hi."}, {"role": r, "content": t}]}
        for n, t in enumerate(TEXTS)
        for r in ("user", "assistant")
    ]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    scanned = run("scan", remit, "--stage", "data", str(source)).stdout.splitlines()
    answers = [json.loads(line) for line in scanned]
    done = run("filter", remit, str(source), "--out", str(tmp_path / "out"), "--workers", "1")
    assert done.returncode == 0, done.stderr
    (kept,) = (tmp_path / "out" / "data").iterdir()
    left = {json.loads(line)["id"] for line in kept.read_text().splitlines()}
    assert {answer["id"] for answer in answers if answer["action"] != "drop"} == left
    assert 0 < len(left) < len(rows)


def test_the_card_is_written_and_made_again_with_labels(run, remit, corpus, tmp_path):
    out = tmp_path / "out"
    run("filter", remit, str(corpus), "--out", str(out), "--workers", "1")
    assert json.loads((out / "card.json").read_bytes())["identity"]["holds"]
    row = json.loads((out / "sample.jsonl").read_bytes().splitlines()[0])
    label = {"rule": row["step"], "row": row["sha256"], "right": False, "sample": "found"}
    label |= {"drawn": row["drawn"], "language": "und", "rater": "a"}
    (out / "labels.jsonl").write_text(json.dumps(label) + "\n")
    told = json.loads(run("filter", "card", str(out), "--json").stdout)
    (found,) = (s["labels"]["found"] for s in told["steps"] if s["id"] == "no-advice")
    assert (found["labelled"], found["wrong"]) == (1, 1)
    assert "so far" in (out / "card.html").read_text()
    assert run("filter", "card", str(tmp_path)).returncode == 3


def test_labelling_says_where_and_ends_with_ctrl_c(run, remit, corpus, tmp_path):
    out = str(tmp_path / "out")
    run("filter", remit, str(corpus), "--out", out, "--workers", "1")
    assert run("filter", "label", out, "--rule", "nobody").returncode == 3
    command = [sys.executable, "-u", "-m", "remit.cli", "filter", "label", out]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert b"10 rows to label: http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert b"labels.jsonl" in process.communicate(timeout=30)[1]
        assert process.returncode == 0
