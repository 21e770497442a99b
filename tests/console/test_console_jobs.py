"""Work that outlasts a request: one of a name at a time, seen by all, and it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.console.jobs import RESULT_MOST, JobError, Jobs, Progress, Step
from remit.evidence import Evidence


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    with Evidence.open(tmp_path / "evidence.db") as evidence:
        made = Jobs(evidence)
        yield made
        made.close()


def ended(jobs: Jobs, name: str = "job") -> Progress:
    for _ in range(200):
        progress = jobs.progress(name)
        if progress is not None and not progress.running:
            return progress
        time.sleep(0.02)
    raise AssertionError("it did not end")


def counting(to: int) -> Iterator[Step]:
    for number in range(to):
        yield Step(number + 1, to, {"so far": number + 1})


def waiting(gate: threading.Event) -> Iterator[Step]:
    for number in range(1_000):
        gate.wait(0.05)
        yield Step(number, 1_000)


def test_a_job_ends_with_its_result(jobs: Jobs) -> None:
    jobs.begin("job", "ada", lambda: counting(3))
    progress = ended(jobs)
    assert (progress.state, progress.who, progress.done) == ("done", "ada", 3)
    assert progress.result == {"so far": 3}


def test_one_of_a_name_runs_at_a_time_and_few_at_once(jobs: Jobs) -> None:
    gate = threading.Event()
    jobs.begin("job", "ada", lambda: waiting(gate))
    with pytest.raises(JobError, match="runs already"):
        jobs.begin("job", "bob", lambda: counting(1))
    jobs.begin("other", "ada", lambda: waiting(gate))
    with pytest.raises(JobError, match="other jobs run"):
        jobs.begin("third", "ada", lambda: counting(1))


def test_a_job_is_stopped_from_another_process_too(jobs: Jobs) -> None:
    jobs.begin("job", "ada", lambda: waiting(threading.Event()))
    Jobs(jobs._evidence).stop("job")
    assert ended(jobs).state == "stopped"


def test_a_job_whose_time_is_over_says_how_far_it_came(jobs: Jobs) -> None:
    jobs.begin("job", "ada", lambda: waiting(threading.Event()), seconds=0.2)
    progress = ended(jobs)
    assert progress.state == "late"
    assert 0 < progress.done < 1_000


def test_a_job_that_fails_says_how(jobs: Jobs) -> None:
    def failing() -> Iterator[Step]:
        yield Step(1, 2)
        raise ValueError("no such thing; look elsewhere")

    jobs.begin("job", "ada", failing)
    progress = ended(jobs)
    assert (progress.state, progress.why) == ("failed", "no such thing; look elsewhere")


def test_closing_ends_what_runs_and_says_so(tmp_path: Path) -> None:
    with Evidence.open(tmp_path / "evidence.db") as evidence:
        jobs = Jobs(evidence)
        jobs.begin("job", "ada", lambda: waiting(threading.Event()))
        jobs.close()
        progress = jobs.progress("job")
        assert progress is not None
        assert progress.state == "lost"


def test_a_result_too_large_to_keep_is_said_to_be(jobs: Jobs) -> None:
    jobs.begin("job", "ada", lambda: iter([Step(1, 1, {"text": "x" * RESULT_MOST})]))
    assert "bytes" in ended(jobs).result["error"]
