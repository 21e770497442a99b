"""`scan`: every line is answered, in order, with every rule; and it can be stopped."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remit.cli.scanning import lines
from remit.policy import loads

IBAN = "NL91ABNA0417164300"
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
Scanned = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def scanned(run: Run, remit: str) -> Scanned:
    def answers(*records: Any, stage: str = "output") -> list[dict[str, Any]]:
        given = b"".join(
            record if isinstance(record, bytes) else json.dumps(record).encode() + b"\n"
            for record in records
        )
        done = run("scan", remit, "--stage", stage, given=given)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return answers


def test_scan_answers_every_line_in_order_with_every_rule(scanned: Scanned, text: str) -> None:
    clean, broken, echoed = scanned(
        {"id": "a", "text": "A colleague will call you."},
        {"id": 2, "text": "Well, you should sue."},
        {
            "id": None,
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "I am p@example.org"}]},
                {"role": "assistant", "content": "So p@example.org it is"},
            ],
        },
    )
    policy = loads(text).policy.digest
    rest = {"action": "allow", "score": 0.0, "spans": []}
    assert clean == {
        "id": "a", "action": "allow", "rules": {"no-advice": rest, "no-echo": rest},
        "policy": policy,
    }  # fmt: skip
    assert broken["id"] == 2
    assert broken["action"] == "block"
    assert broken["rules"]["no-advice"] == {"action": "block", "score": 1.0, "spans": [[6, 20]]}
    assert broken["rules"]["no-echo"] == rest
    assert echoed["id"] is None
    assert echoed["action"] == "redact"
    assert echoed["rules"]["no-echo"]["spans"] == [[3, 16]]


@pytest.mark.parametrize(
    ("stage", "action"),
    [("data", "drop"), ("input", "allow"), ("output", "block"), ("tool", "flag")],
)
def test_scan_speaks_the_words_of_the_stage(scanned: Scanned, stage: str, action: str) -> None:
    (answer,) = scanned({"id": 1, "text": "You should sue."}, stage=stage)
    assert answer["action"] == answer["rules"]["no-advice"]["action"] == action
    assert answer["rules"]["no-advice"]["score"] == 1.0
    assert set(answer["rules"]) == (
        {"no-advice", "no-echo"} if stage == "output" else {"no-advice"}
    )


def test_scan_knows_what_was_confided(scanned: Scanned) -> None:
    record = {"id": 1, "text": "Ask p@example.org"}
    alone, given = scanned(record, {**record, "confidential": ["Client: p@example.org"]})
    assert alone["action"] == "allow"
    assert given["rules"]["no-echo"]["spans"] == [[4, 17]]


def test_spans_count_characters_not_bytes(scanned: Scanned) -> None:
    (answer,) = scanned({"id": 1, "text": "É🙂 you should sue"})
    assert answer["rules"]["no-advice"]["spans"] == [[3, 17]]


def test_a_tool_calls_arguments_are_judged(scanned: Scanned) -> None:
    call = {"function": {"name": "mail", "arguments": '{"body": "you should sue"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    (answer,) = scanned({"id": 1, "messages": [message]}, stage="tool")
    assert answer["action"] == "flag"


BAD_LINES = [
    (b"not json\n", "not JSON"),
    (b'{"id": 1, "text": "\xff"}\n', "not JSON"),
    (b'{"id": 1, "text": "\\ud800"}\n', "not JSON"),
    (b"[" * 5000 + b"\n", "not JSON"),
    (b"[]\n", "must be an object"),
    (b"{}\n", "one of 'text' and 'messages'"),
    (b'{"text": "a", "messages": []}\n', "one of 'text' and 'messages'"),
    (b'{"text": 1}\n', "'text' must be a string"),
    (b'{"messages": []}\n', "at least one message"),
    (b'{"messages": [1]}\n', "message 1: must be an object"),
    (b'{"messages": [{"role": "user"}]}\n', "neither content nor tool_calls"),
    (b'{"messages": [{"role": "user", "content": 1}]}\n', "content must be a string"),
    (b'{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}\n', "'image_url'"),
    (b'{"messages": [{"role": "user", "content": "", "tool_calls": [{}]}]}\n', "no arguments"),
    (b'{"text": "a", "confidential": "b"}\n', "'confidential' must be a list"),
]


def test_a_line_that_cannot_be_judged_is_answered_in_its_place(scanned: Scanned) -> None:
    good = b'{"id": "good", "text": "Fine."}\n'
    answers = scanned(*(line for bad, _ in BAD_LINES for line in (bad, good)))
    assert len(answers) == 2 * len(BAD_LINES)
    for number, (_, why) in enumerate(BAD_LINES):
        assert answers[2 * number]["line"] == 2 * number + 1
        assert why in answers[2 * number]["error"]
        assert answers[2 * number + 1]["id"] == "good"


@pytest.mark.parametrize("depth", [100, 980, 1000, 1100])
def test_arguments_nested_deep_hide_nothing(scanned: Scanned, depth: int) -> None:
    call = {"function": {"arguments": "[" * depth + '"you should sue"' + "]" * depth}}
    message = {"role": "assistant", "tool_calls": [call]}
    (answer,) = scanned({"messages": [message]}, stage="tool")
    assert answer.get("action") == "flag" or "nested too deep" in answer["error"]


def test_a_strict_scan_fails_on_lines_it_could_not_judge(run: Run, remit: str) -> None:
    done = run("scan", remit, "--stage", "output", "--strict", given=b'x\n{"text":"ok"}')
    assert done.returncode == 1
    assert b"1 lines could not be judged" in done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_a_line_over_the_limit_is_skipped_without_holding_it(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_bytes(b"\xef\xbb\xbffirst\n" + b"x" * 5000 + b"\n\n  \nlast")
    with path.open("rb") as file:
        got = [(line.number, line.data, bool(line.error)) for line in lines(file, "", most=100)]
    assert got == [(1, b"first\n", False), (2, b"", True), (5, b"last", False)]


def test_scan_reads_gzip_and_several_files_and_names_them(
    run: Run, remit: str, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.gz"
    one.write_bytes(b'{"id": 1, "text": "a"}\nbad\n')
    two.write_bytes(gzip.compress(b'{"id": 2, "text": "you should sue"}\nbad\n'))
    done = run("scan", remit, "--stage", "output", str(one), str(two))
    a, b, c, d = map(json.loads, done.stdout.splitlines())
    assert (a["id"], c["id"], c["action"]) == (1, 2, "block")
    assert (b["file"], b["line"]) == (str(one), 2)
    assert (d["file"], d["line"]) == (str(two), 2)


def test_a_damaged_gzip_keeps_what_came_before_and_exits_with_3(
    run: Run, remit: str, tmp_path: Path
) -> None:
    body = b"".join(b'{"id": %d, "text": "%d"}\n' % (n, n * 7919) for n in range(2000))
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(body)[:-3000])
    for workers in ("1", "2"):
        done = run("scan", remit, "--stage", "output", str(path), "--workers", workers)
        assert done.returncode == 3
        assert b"damaged" in done.stderr
        *good, last = map(json.loads, done.stdout.splitlines())
        assert [answer["id"] for answer in good] == list(range(len(good)))
        assert len(good) > 100
        assert "damaged" in last["error"]


def test_workers_give_the_same_bytes(run: Run, remit: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    texts = ("You should sue.", "Fine.", IBAN)
    path.write_bytes(
        b"".join(
            b"bad\n"
            if n % 97 == 0
            else json.dumps({"id": n, "text": texts[n % 3]}).encode() + b"\n"
            for n in range(1500)
        )
    )
    one = run("scan", remit, "--stage", "output", str(path))
    two = run("scan", remit, "--stage", "output", str(path), "--workers", "2")
    assert one.returncode == two.returncode == 0
    assert one.stdout == two.stdout
    assert len(one.stdout.splitlines()) == 1500


def test_on_a_pipe_each_line_is_answered_at_once(remit: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "remit.cli", "scan", remit, "--stage", "output"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin as given:
        for number in range(3):
            given.write(b'{"id": %d, "text": "Fine."}\n' % number)
            given.flush()
            assert json.loads(process.stdout.readline())["id"] == number
    assert process.returncode == 0


def test_a_reader_that_stops_reading_is_no_error(remit: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"id": 1, "text": "Fine."}\n' * 5000)
    process = subprocess.Popen(
        [sys.executable, "-m", "remit.cli", "scan", remit, "--stage", "output", str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stderr as errors:
        process.stdout.readline()
        process.stdout.close()
        assert errors.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_stops_a_scan_with_130_and_no_traceback(
    remit: str, tmp_path: Path, workers: str
) -> None:
    path, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    path.write_bytes(b'{"id": 1, "text": "Fine."}\n' * 400_000)
    command = [sys.executable, "-m", "remit.cli", "scan", remit, "--stage", "output"]
    with out.open("wb") as target:
        process = subprocess.Popen(
            [*command, str(path), "--workers", workers],
            stdout=target,
            stderr=subprocess.PIPE,
            start_new_session=True,
            # A job in the background inherits Ctrl-C as ignored; a person's terminal does not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
    assert process.stderr is not None
    with process, process.stderr as errors:
        while out.stat().st_size == 0 and process.poll() is None:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        shown = errors.read()
    assert process.returncode == 130
    assert shown == b"remit: stopped\n", shown.decode()
