"""Killed at any moment, a run goes on and comes to the same bytes; a killed worker costs a part."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from corpus import filtered, lines, plan, tree, write

from remit.layers.data import processes
from remit.layers.data.plan import Job
from remit.layers.data.processes import Task, WorkError
from remit.layers.data.sources import Shard, find

RUN = "import sys, pathlib, corpus; corpus.filtered(*map(pathlib.Path, sys.argv[1:]))"


def corpus_folder(tmp_path: Path) -> Path:
    data = lines(3_000)
    packed = gzip.compress(lines(2_000) + b'{"broken\n' + lines(2_000))
    torn = gzip.compress(lines(1_500))[:-2_000]
    files = [("a.jsonl", data), ("b.jsonl.gz", packed), ("c.jsonl.gz", torn)]
    return write(tmp_path / "in", files)


def test_killed_at_random_moments_it_comes_to_the_bytes_of_an_undisturbed_run(tmp_path):
    folder = corpus_folder(tmp_path)
    filtered(tmp_path / "whole", folder)
    command = [sys.executable, "-c", RUN, str(tmp_path / "out"), str(folder)]
    chance = random.Random(4)
    kills = 0
    for _ in range(40):
        process = subprocess.Popen(command, cwd=Path(__file__).parent)
        if kills < 8 and _killed(process, tmp_path / "out" / ".work" / "parts", chance):
            kills += 1
            continue
        assert process.wait() == 0
        break
    assert kills >= 3
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def _killed(process: subprocess.Popen[bytes], parts: Path, chance: random.Random) -> bool:
    """Kills it a little after its first new part; False where it came to its end before."""
    before = len(list(parts.glob("*"))) if parts.exists() else 0
    while process.poll() is None and (not parts.exists() or len(list(parts.glob("*"))) <= before):
        time.sleep(0.005)
    time.sleep(chance.random() * 0.05)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def test_a_killed_worker_is_noticed_and_its_part_done_again(tmp_path):
    folder = corpus_folder(tmp_path)
    filtered(tmp_path / "whole", folder)
    killed = []

    def kill_one() -> None:
        parts = tmp_path / "out" / ".work" / "parts"
        while not (parts.exists() and list(parts.glob("*"))):
            time.sleep(0.005)
        worker = multiprocessing.active_children()[0]
        worker.kill()
        killed.append(worker.name)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    filtered(tmp_path / "out", folder, workers=2)
    killer.join(10)
    assert killed
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def die(shard: Shard, job: Job, seen: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail(shard: Shard, job: Job, seen: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("do", "told"), [(die, "died 3 times"), (fail, "No space left")])
def test_a_part_that_cannot_be_done_is_named_and_nothing_hangs(tmp_path, do, told):
    write(tmp_path, [("c.jsonl", lines(3))])
    (source,) = find([str(tmp_path / "c.jsonl")]).sources
    job = Job(plan(), str(tmp_path / "out"))
    with pytest.raises(WorkError, match=rf"c\.jsonl, part 0: .*{told}"):
        processes.spread([Task(do, Shard(source, 0))], job, lambda size: None, 2)


def test_a_run_does_not_share_its_folder_with_another(tmp_path):
    folder = corpus_folder(tmp_path)
    command = [sys.executable, "-c", RUN, str(tmp_path / "out"), str(folder)]
    first = subprocess.Popen(command, cwd=Path(__file__).parent)
    while not (tmp_path / "out" / ".work" / "parts").exists():
        time.sleep(0.005)
    first.send_signal(signal.SIGSTOP)
    try:
        second = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, check=False
        )
        assert second.returncode != 0
        assert b"another run writes there" in second.stderr
    finally:
        first.send_signal(signal.SIGCONT)
    assert first.wait() == 0
