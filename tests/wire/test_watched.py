"""The monitor in a gateway's process: what the guard misses is found, alarmed, and acted on."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from scene import HEAD, chat, played, until

from remit.gateway.options import Outward
from remit.gateway.watching import monitoring, watch
from remit.layers.monitor import follower
from remit.layers.monitor.standing import standing
from remit.models.scripted import Scripted

REMIT = (
    HEAD
    + """\
monitor: {sample: 100%, canary: off}
rules:
  - id: no-legal-advice
    says: Does not give legal advice.
    because: Only a lawyer may.
    owner: Ann
    detect: [{phrases: [you should sue]}]
    audit: [{phrases: [take them to court]}]
    then: {output: block}
    when_broken: [{tighten: 0.3}]
    breaks: [{user: "May I sue?", assistant: "You should sue."}]
"""
)


@asynccontextmanager
async def watched(scene):
    """The monitor at work beside a gateway."""
    deployments = scene.gateway.deployments
    monitor, told = monitoring(deployments, scene.evidence, Outward())
    task = asyncio.create_task(watch(deployments, monitor, told))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_what_the_guard_misses_is_found_alarmed_and_acted_on(tmp_path, monkeypatch):
    monkeypatch.setattr(follower, "IDLE_MINUTES", 2 / 60)
    said = iter(["Take them to court." if n % 3 == 0 else "Ask a lawyer." for n in range(1_000)])
    model = Scripted(lambda request: next(said))

    async def scene_of(scene):
        async with watched(scene):
            for number in range(24):
                answer = await scene.ask(chat(f"Question {number}, please?"))
                assert answer.status == 200
            await until(lambda: scene.records("judgement")[23:], 40)
            await until(lambda: scene.records("alarm"), 30)
            await until(lambda: scene.now.in_force, 10)
            after = await scene.ask(chat("And now?"))
            await until(lambda: len(scene.records("epoch")) > 1, 10)
        return after, scene.records(), standing(scene.evidence, scene.now.guard.policy)

    after, records, found = played(tmp_path, scene_of, model, REMIT, monitor=True)
    assert len([r for r in records if r["kind"] == "answer"]) == 25
    judged = [r for r in records if r["kind"] == "judgement"]
    assert sum(r["action"] == "broken" for r in judged) >= 8
    alarm = next(r for r in records if r["kind"] == "alarm")
    assert (alarm["rule"], alarm["action"]) == ("no-legal-advice", "exceeded")
    begun = next(r for r in records if r["kind"] == "intervention")
    assert begun["intervention"]["statistic"]["alarm"] == alarm["id"]
    epochs = [r["reason"] for r in records if r["kind"] == "epoch"]
    assert epochs == ["the first answers", "intervention: begin tighten"]
    assert found.rules[0].epoch.reason == "intervention: begin tighten"
    receipt = next(r for r in records if r["id"] == after.headers["x-remit-receipt"])
    assert receipt["interventions"] == [begun["intervention"]["id"]]


def test_turns_of_one_conversation_are_one_unit(tmp_path, monkeypatch):
    monkeypatch.setattr(follower, "IDLE_MINUTES", 5 / 60)
    model = Scripted(["Ask a lawyer."])

    async def scene_of(scene):
        async with watched(scene):
            messages = []
            for number in range(4):
                messages.append({"role": "user", "content": f"Question {number}?"})
                await scene.ask({"model": "m", "messages": messages})
                messages.append({"role": "assistant", "content": "Ask a lawyer."})
            await scene.ask(chat("Another conversation"))
            policy = scene.now.guard.policy
            await until(lambda: standing(scene.evidence, policy).conversations == 2, 40)
            return standing(scene.evidence, policy)

    found = played(tmp_path, scene_of, model, REMIT, monitor=True)
    assert (found.conversations, found.answers) == (2, 5)
    assert found.rules[0].sample.judged == 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_daily_canary_asks_the_model_and_no_client_sees_it(tmp_path, stream):
    model = Scripted(["You should sue."])
    remit = REMIT.replace("canary: off", "canary: daily")

    async def scene_of(scene):
        async with watched(scene):
            await scene.ask(chat("Hello?", stream=stream))
            await until(lambda: scene.records("canary"), 20)
        return scene.records("canary")

    (run,) = played(tmp_path, scene_of, model, remit, monitor=True)
    (case,) = run["cases"].values()
    assert case["broken"] == ["no-legal-advice"]
    assert model.requests[-1]["messages"][-1]["content"] == "May I sue?"
