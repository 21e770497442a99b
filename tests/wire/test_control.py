"""Several workers do what the record says within a second, and lose no case when killed."""

import asyncio
import json
import random
import time

import orjson
import pytest
from launch import launched
from raw import ask
from scene import chat, rules
from test_interventions import live
from test_workers import many, wait_for, writers

from remit.cli import main
from remit.evidence import Evidence, verify
from remit.layers.monitor.cases import Verb, decide_sync
from remit.layers.monitor.interventions import by_hand, read_interventions, undo
from remit.layers.monitor.people import Person
from remit.policy import loads
from remit.policy.intervening import Kind

pytestmark = pytest.mark.timeout(120)
ANN = Person("Ann", "command", admin=True)
SECONDS = 1.0


def answered_by(evidence, receipts):
    """The writers of the records with these ids: which workers answered."""
    return {stored.entry.writer for stored in evidence.entries() if stored.id in receipts}


def asked(port) -> bool:
    """Asks some times; False while no worker has started yet."""
    try:
        return bool(asyncio.run(many(port, 16)))
    except TimeoutError:
        return False


def test_four_workers_heed_a_change_and_its_undoing_within_a_second(tmp_path):
    (tmp_path / "remit.yaml").write_text(rules())
    database = tmp_path / "evidence.db"
    words = "We are back at nine."
    options = {"upstream": "scripted", "evidence": str(database), "workers": 4}
    with launched(tmp_path / "remit.yaml", **options) as gateway, Evidence.open(database) as ours:
        wait_for(lambda: asked(gateway.port) and len(writers(database)) >= 4, 60)

        def settled(expected: bool) -> float:
            """Asks for more than a second; when the last answer came that was not as expected."""
            began = time.monotonic()
            last, receipts = 0.0, set()
            while time.monotonic() - began < 6:
                at = time.monotonic() - began
                for answer in asyncio.run(many(gateway.port, 8)):
                    if (answer.json["choices"][0]["message"]["content"] == words) is not expected:
                        last = at
                    elif at > SECONDS:
                        receipts.add(answer.headers["x-remit-receipt"])
                if at > SECONDS and len(answered_by(ours, receipts)) == 4:
                    return last
            raise AssertionError("not all workers answered")

        begin = by_hand(ANN, Kind.PAUSE, words, owner="Ann", why="a test")
        ours.change_sync(begin.record(), begin)
        latencies = [settled(expected=True)]
        end = undo(begin.intervention.id, ANN, "over")
        ours.change_sync(end.record(), end)
        latencies.append(settled(expected=False))
    print(f"the last answer that did not heed the change was asked after {latencies} s")
    assert max(latencies) < SECONDS
    assert verify(database).ok


@pytest.mark.parametrize("workers", [1, 2])
def test_a_remit_that_was_signed_off_leads_after_a_restart_and_is_announced(workers, tmp_path):
    (tmp_path / "remit.yaml").write_text(rules())
    database = tmp_path / "evidence.db"
    text = rules().replace("I keep to my task.", "I keep to my own task.")
    digest = loads(text).policy.digest

    async def sign():
        with Evidence.open(database) as evidence:
            await live(evidence, digest, text)

    asyncio.run(sign())
    options = {"upstream": "scripted", "evidence": str(database), "workers": workers}
    with launched(tmp_path / "remit.yaml", **options) as gateway:
        wait_for(lambda: asked(gateway.port), 60)
        (answer,) = asyncio.run(many(gateway.port, 1))
        assert answer.headers["x-remit-policy"] == digest
        assert f"the one signed off in the console, {digest[:12]}" in "".join(gateway.said)


def test_the_pages_for_people_are_served_beside_and_announced(tmp_path):
    (tmp_path / "remit.yaml").write_text(rules())
    options = {"upstream": "scripted", "evidence": str(tmp_path / "evidence.db")}
    with launched(tmp_path / "remit.yaml", console=True, **options) as gateway:
        wait_for(lambda: "Ctrl-C stops it.\n" in gateway.said)
        (line,) = [line for line in gateway.said if line.startswith("  console ")]
        first = line.partition("/console")[2].strip()
        invited = asyncio.run(ask(gateway.port, "GET", f"/console{first}"))
        stranger = asyncio.run(ask(gateway.port, "GET", "/console/"))
    assert invited.status == 200
    assert (stranger.status, stranger.headers["location"]) == (303, "/console/login")


# --- Killed -------------------------------------------------------------------------------------


async def handing_over(port: int, seed: int, opened: list[str]) -> None:
    """Asks what is handed over until the gateway is gone; keeps the cases it was told of."""
    number = 0
    while True:
        number += 1
        body = orjson.dumps(chat(f"It is a special case {seed}-{number}."))
        try:
            answer = await ask(port, "POST", "/v1/chat/completions", body)
        except (OSError, IndexError, ValueError):
            return
        if answer.status != 200 or not answer.whole:
            return
        opened.append(answer.headers["x-remit-case"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_case_is_lost_however_often_the_gateway_is_killed(tmp_path):
    (tmp_path / "remit.yaml").write_text(rules())
    database = tmp_path / "evidence.db"
    options = {"upstream": "scripted", "evidence": str(database)}
    opened: list[str] = []

    async def shot(gateway, seed):
        clients = [
            asyncio.create_task(handing_over(gateway.port, seed + n, opened)) for n in "1234"
        ]
        await asyncio.sleep(random.Random(seed).uniform(0.05, 0.4))
        gateway.process.kill()
        await asyncio.gather(*clients)

    for number in range(6):
        with launched(tmp_path / "remit.yaml", **options) as gateway:
            asyncio.run(shot(gateway, f"{number}-"))
    assert len(opened) > 10
    with Evidence.open(database) as evidence:
        cases = {case.id: case for case in evidence.cases()}
        assert [id_ for id_ in opened if id_ not in cases] == []
        # What a person answers after all that still reaches the client.
        decide_sync(evidence, opened[0], Verb.ANSWER, ANN, "Yes.")
    with launched(tmp_path / "remit.yaml", **options) as gateway:
        told = asyncio.run(ask(gateway.port, "GET", f"/cases/{opened[0]}")).json
        assert (told["outcome"], told["answer"]) == ("answered", "Yes.")
    assert verify(database).ok
    print(f"6 kills, {len(opened)} cases told of, none lost")


# --- Watched ------------------------------------------------------------------------------------


def test_what_the_guard_let_through_is_audited_beside_it_and_on_record(tmp_path):
    audited = rules().replace(
        "    answer: I can promise nothing.",
        "    answer: I can promise nothing.\n    audit: [{phrases: [you may rely on it]}]",
    )
    (tmp_path / "remit.yaml").write_text(audited + "monitor: {sample: 100%}\n")
    (tmp_path / "script.yaml").write_text("- You may rely on it.\n")
    given = {"upstream": "scripted", "script": str(tmp_path / "script.yaml"), "monitor": True}
    database = tmp_path / "evidence.db"
    with launched(tmp_path / "remit.yaml", evidence=str(database), **given) as gateway:
        (answer,) = asyncio.run(many(gateway.port, 1))
        with Evidence.open(database) as evidence:
            wait_for(lambda: list(evidence.entries(kind="judgement")))
            (judged,) = [entry.record for entry in evidence.entries(kind="judgement")]
            receipt = evidence.get(answer.headers["x-remit-receipt"])
    assert judged["receipt"] == receipt["id"]
    assert judged["judged"]["no-promises"]["outcome"] == "broken"
    assert (receipt["action"], receipt["sampled"]) == ("allow", 1.0)


# --- By command ---------------------------------------------------------------------------------


@pytest.fixture
def remit(capsys):
    """Runs a command in this process: its exit code, what it said, what it complained of."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments], {})
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_commands_pause_a_running_gateway_and_answer_its_cases(remit, tmp_path):
    (tmp_path / "remit.yaml").write_text(rules())
    (tmp_path / "script.yaml").write_text("- It is a special case.\n")
    database, script = str(tmp_path / "evidence.db"), str(tmp_path / "script.yaml")
    record = ("--evidence", database, "--json")
    given = {"upstream": "scripted", "script": script, "evidence": database}
    with launched(tmp_path / "remit.yaml", **given) as gateway:

        def status():
            return asyncio.run(many(gateway.port, 1))[0].status

        who = ("--who", "Ann", "--why", "tariffs")
        code, said, _ = remit("interventions", "begin", "pause", "--owner", "Ann", *who, *record)
        assert code == 0
        id_ = json.loads(said)["id"]
        wait_for(lambda: status() == 503, 3)
        _, said, _ = remit("interventions", "list", *record)
        assert [it["id"] for it in json.loads(said)] == [id_]
        assert remit("interventions", "undo", id_, *who, *record)[0] == 0
        wait_for(lambda: status() == 200, 3)
        code, _, error = remit("interventions", "undo", id_, *who, *record)
        assert (code, "ended already by Ann" in error) == (3, True)
        asyncio.run(asking(gateway.port, "A question"))
        case = json.loads(remit("cases", "list", *record)[1])[-1]
        assert "special" in remit("cases", "show", case["id"], "--evidence", database)[1]
        code, _, error = remit("cases", "answer", case["id"], "No.", "--who", "model", *record)
        assert (code, "is no person" in error) == (3, True)
        _, said, _ = remit("cases", "release", case["id"], "--who", "Ann", *record)
        assert json.loads(said)["outcome"] == "released"
        folder, remit_file = str(tmp_path / "reviewed"), str(tmp_path / "remit.yaml")
        consent = ("--out", folder, "--consent", "Terms, 7", "--who", "Ann")
        _, said, _ = remit("cases", "harvest", remit_file, *consent, *record)
        assert json.loads(said)["cases"] == 1
        (line,) = (tmp_path / "reviewed" / "kto.jsonl").read_bytes().splitlines()
        assert orjson.loads(line)["label"] is True
    with Evidence.open(database) as evidence:
        (it,) = read_interventions(evidence)
        assert (it.who, it.ended_by, it.state) == ("Ann", "Ann", "ended")


async def asking(port, text):
    return await ask(port, "POST", "/v1/chat/completions", orjson.dumps(chat(text)))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("begin", "nap", "--owner", "A", "--why", "w"), 2, "no kind 'nap'; have tighten"),
        (("begin", "tighten", "0.3", "--owner", "A", "--why", "w"), 3, "name the rule"),
        (("begin", "throttle", "0", "--owner", "A", "--why", "w"), 3, "a whole number"),
        (("undo", "int_x", "--why", "w"), 3, "there is none"),
    ],
)
def test_what_cannot_be_done_by_command_is_told(arguments, code, said, remit, tmp_path):
    Evidence.open(tmp_path / "e.db").close()
    record = ("--who", "A", "--evidence", str(tmp_path / "e.db"))
    ended, _, error = remit("interventions", *arguments, *record)
    assert (ended, said in error) == (code, True), error


def test_a_command_makes_no_record_where_there_is_none(remit, tmp_path):
    ended, _, error = remit("interventions", "list", "--evidence", str(tmp_path / "none.db"))
    assert (ended, "no such file" in error) == (3, True)
    assert list(tmp_path.iterdir()) == []
    assert remit("cases", "list")[0] == 2
