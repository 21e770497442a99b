"""The record of a run: complete lines count, broken tails do not, and nothing counts twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playing import case, sample

from remit.types import Message
from remit.verify.cases import Case, Grade, Transcript
from remit.verify.journal import Journal, Record
from remit.verify.records import Done, RecordError, Sample, from_json, line, read, read_plan

PLAN = {"policy": "p", "cases": 3}
texts = st.text(max_size=30)


@given(texts, texts, texts, st.booleans(), st.dictionaries(texts, texts, max_size=2))
def test_a_sample_reads_back_as_it_was(said, heard, name, opened, meta):
    opening = (Message("tool", heard, name),) if opened else ()
    of = Case("c", "s", "r", "keep", (said,), opening, (heard,), "suite", "a+b", "nl", meta)
    messages = (*opening, Message("user", said), Message("assistant", heard))
    played = Transcript(of, messages, "", "stop", "m", 3, 4, 0.25)
    whole = Sample(7, "t", 1, played, Grade("undecided", "partial", "judge", 0.5, heard))
    assert from_json(orjson.loads(line(whole))) == whole


def test_a_lone_surrogate_becomes_a_question_mark():
    played = Transcript(case(), (Message("user", "a\ud800b"),))
    kept = from_json(orjson.loads(line(Sample(0, "t", 0, played, Grade("held", "none", "x")))))
    assert kept.transcript.messages[0].text == "a?b"


@pytest.mark.parametrize(
    ("key", "value"),
    [("label", "fine"), ("refusal", "some"), ("aim", "x"), ("n", -1), ("n", 10**12)],
)
def test_a_line_that_makes_no_sense_is_refused(key, value):
    with pytest.raises(ValueError, match="cannot be"):
        from_json({**orjson.loads(line(sample())), key: value})


@given(st.lists(st.integers(0, 100_000), max_size=50))
def test_a_number_is_done_once_it_is_added(numbers):
    done = Done()
    fresh = [done.add(number) for number in numbers]
    assert sum(fresh) == done.count == len(set(numbers))
    assert all(number in done for number in numbers)
    assert max(numbers, default=0) + 1 not in done


def write(path: Path, *numbers: int) -> None:
    record = Record.create(path, PLAN)
    record.write(b"".join(line(sample(number)) for number in numbers))
    record.close()


def held(path: Path) -> list[int]:
    record, samples = Record.resume(path, PLAN)
    with closing(record):
        return [one.number for one in samples]


@pytest.mark.parametrize("cut", [1, 5, 100])
def test_a_line_cut_short_is_dropped_and_the_next_one_starts_afresh(tmp_path, cut):
    path = tmp_path / "r"
    write(path, 0, 1, 2)
    os.truncate(path, path.stat().st_size - cut)
    assert held(path) == [0, 1]
    record, samples = Record.resume(path, PLAN)
    list(samples)
    record.write(line(sample(2)))
    record.close()
    assert [one.number for one in read(path)] == [0, 1, 2]


def test_damage_in_the_middle_is_an_error_with_its_line(tmp_path):
    path = tmp_path / "r"
    write(path, 0, 1)
    data = path.read_bytes().split(b"\n")
    data[1] = b"{"
    path.write_bytes(b"\n".join(data))
    with pytest.raises(RecordError, match=r"r:2: damaged"):
        held(path)


def test_a_record_of_another_run_is_refused_with_what_differs(tmp_path):
    write(tmp_path / "r", 0)
    with pytest.raises(RecordError, match="its cases is 3 and this one's 4"):
        Record.resume(tmp_path / "r", {**PLAN, "cases": 4})


def test_a_file_that_is_no_record_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("dear diary\n")
    with pytest.raises(RecordError, match="no record of `remit verify`"):
        Record.resume(path, PLAN)
    assert path.read_text() == "dear diary\n"


def test_a_record_that_is_there_already_is_not_written_over(tmp_path):
    write(tmp_path / "r", 0)
    with pytest.raises(RecordError, match="go on with --resume"):
        Record.create(tmp_path / "r", PLAN)


def test_two_runs_cannot_write_one_record(tmp_path):
    first = Record.create(tmp_path / "r", PLAN)
    with pytest.raises(RecordError, match="being written by another run"):
        Record.resume(tmp_path / "r", PLAN)
    first.close()


def test_only_its_owner_may_read_a_record(tmp_path):
    write(tmp_path / "r", 0)
    assert (tmp_path / "r").stat().st_mode & 0o077 == 0
    assert read_plan(tmp_path / "r")["policy"] == "p"


def test_a_journal_has_all_on_the_disk_once_it_is_flushed(tmp_path):
    async def write_all() -> None:
        journal = Journal(record)
        for number in range(500):
            await journal.add(sample(number))
        await journal.flush()
        await journal.add(sample(500))
        await journal.flush()

    record = Record.create(tmp_path / "r", PLAN)
    asyncio.run(write_all())
    record.close()
    assert [one.number for one in read(tmp_path / "r")] == list(range(501))


def test_a_disk_that_fails_ends_the_run(tmp_path):
    class Full(Record):
        def write(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    async def write_all() -> None:
        journal = Journal(Full(file, tmp_path / "r"))
        await journal.add(sample())
        await journal.flush()

    with (tmp_path / "r").open("wb") as file, pytest.raises(OSError, match="No space"):
        asyncio.run(write_all())


CHILD = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from playing import case, run_of, target
from remit.models.scripted import ScriptedReply
from remit.verify.journal import Record
model = target(lambda request: ScriptedReply("fine", delay=0.001))
record, held = Record.resume(sys.argv[1], {"cases": 400})
run = run_of([case(n) for n in range(400)], model, concurrency=4)
run.held(held)
print("ready", flush=True)
asyncio.run(run.play([model], record))
print(run.outcomes["model"].samples)
"""


def test_a_run_killed_again_and_again_counts_every_sample_once(tmp_path):
    path = tmp_path / "r"
    command = [sys.executable, "-c", CHILD, str(path), str(Path(__file__).parent)]
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(0.06)
            child.send_signal(signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stdout.split() == [b"ready", b"400"]
    assert sorted(one.number for one in read(path)) == list(range(400))
