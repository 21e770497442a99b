"""Several processes on one port: they share the work, the record, and the end."""

import asyncio
import os
import signal
import time

import orjson
import psutil
import pytest
from launch import launched
from raw import ask
from scene import EMPTY, chat, rules

from remit.evidence import Evidence, verify

pytestmark = pytest.mark.timeout(60)
SCRIPT = "- {text: One word after another., delay: %s}\n"


def serving(tmp_path, delay: float = 0.0, remit: str = EMPTY, **options):
    (tmp_path / "remit.yaml").write_text(remit)
    (tmp_path / "script.yaml").write_text(SCRIPT % delay)
    return launched(
        tmp_path / "remit.yaml",
        upstream="scripted",
        script=str(tmp_path / "script.yaml"),
        evidence=str(tmp_path / "evidence.db"),
        **{"workers": 2, **options},
    )


async def many(port: int, count: int, **more) -> list:
    body = orjson.dumps(chat("Hi", **more))
    return list(
        await asyncio.gather(
            *(ask(port, "POST", "/v1/chat/completions", body) for _ in range(count))
        )
    )


def workers_of(process) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children()
    alive = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if "spawn_main" in " ".join(child.cmdline())]


def wait_for(done, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def writers(path) -> set[str]:
    with Evidence.open(path) as evidence:
        return {
            e.entry.writer for e in evidence.entries() if e.record and e.record["kind"] == "answer"
        }


def both_answer(port: int, path) -> None:
    """Asks until each of two workers has answered."""
    wait_for(lambda: asyncio.run(many(port, 16)) and len(writers(path)) >= 2)


def test_both_workers_answer_into_one_record_that_verifies(tmp_path):
    database = tmp_path / "evidence.db"
    with serving(tmp_path) as gateway:
        both_answer(gateway.port, database)
        answers = asyncio.run(many(gateway.port, 20))
        assert all(a.status == 200 for a in answers)

        async def receipts():
            names = [a.headers["x-remit-receipt"] for a in answers]
            return await asyncio.gather(
                *(ask(gateway.port, "GET", f"/receipts/{name}") for name in names for _ in range(4))
            )

        # Whichever worker gave the answer, and whichever is asked.
        assert {a.status for a in asyncio.run(receipts())} == {200}
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(15) == 0
    report = verify(database)
    assert report.ok, report.problems


def test_a_worker_that_dies_is_started_anew(tmp_path):
    with serving(tmp_path) as gateway:
        wait_for(lambda: len(workers_of(gateway.process)) == 2)
        victim, other = workers_of(gateway.process)
        both_answer(gateway.port, tmp_path / "evidence.db")
        victim.kill()
        wait_for(lambda: {w.pid for w in workers_of(gateway.process)} - {victim.pid, other.pid})
        assert all(a.status == 200 for a in asyncio.run(many(gateway.port, 20)))
        assert any("ended with -9; starting it again" in line for line in gateway.said)
    assert verify(tmp_path / "evidence.db").ok


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_lets_answers_finish(workers, tmp_path):
    async def main(gateway):
        await many(gateway.port, 4)
        asking = asyncio.create_task(many(gateway.port, 4, stream=True))
        await asyncio.sleep(0.3)
        gateway.process.send_signal(signal.SIGTERM)
        answers = await asking
        assert [a.text for a in answers] == ["One word after another."] * 4
        assert all(a.events[-1] == "[DONE]" for a in answers)

    with serving(tmp_path, delay=0.15, workers=workers) as gateway:
        asyncio.run(main(gateway))
        assert gateway.process.wait(15) == 0
    report = verify(tmp_path / "evidence.db")
    assert report.ok, report.problems


def test_workers_do_not_outlive_their_parent(tmp_path):
    with serving(tmp_path) as gateway:
        wait_for(lambda: len(workers_of(gateway.process)) == 2)
        workers = workers_of(gateway.process)
        both_answer(gateway.port, tmp_path / "evidence.db")
        os.kill(gateway.process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(workers, timeout=15)
        assert alive == []
    assert verify(tmp_path / "evidence.db").ok


def test_the_record_says_when_which_remit_came_into_force(tmp_path):
    with serving(tmp_path, remit=rules(), workers=1) as gateway:
        asyncio.run(many(gateway.port, 1))
    with Evidence.open(tmp_path / "evidence.db") as evidence:
        (start,) = [e.record for e in evidence.entries(kind="start")]
    assert start["policy_text"]["rules"][0]["id"] == "no-legal-advice"
    assert start["upstream"] == "scripted"


def test_the_address_is_told_with_things_to_try(tmp_path):
    with serving(tmp_path, workers=1, remit=rules()) as gateway:
        assert f"http://127.0.0.1:{gateway.port}/" in "".join(gateway.said)
        wait_for(lambda: "Ctrl-C stops it.\n" in gateway.said)
