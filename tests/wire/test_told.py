"""What is told of the service: metrics, health, receipts, headers."""

import asyncio
import re

import pytest
from scene import HEAD, IBAN, chat, rules, serving

from remit.models.scripted import Scripted


def played(tmp_path, scene_of, model=None, **more):
    async def main():
        remit = more.pop("remit", rules())
        async with serving(tmp_path, remit, model or Scripted(["Fine."]), **more) as scene:
            return await asyncio.wait_for(scene_of(scene), 20)

    return asyncio.run(main())


LINE = re.compile(
    r'[a-z_:][a-z0-9_:]*(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)*\})? (\d+(\.\d+)?|\+Inf)',
    re.IGNORECASE,
)


def test_metrics_read_as_prometheus_text_whatever_was_asked_for(tmp_path):
    async def scene_of(scene):
        await scene.ask(chat("Hi"))
        await scene.ask(chat("It is a special case."))
        await scene.ask(b"nonsense")
        for path in ('/a"b', "/x\\y", "/%0a", *(f"/guess/{n}" for n in range(50))):
            await scene.get(path)
            await scene.get(path, headers={"host": "evil.com"})
        await scene.get("/receipts/rct_x")
        page = await scene.get("/metrics")
        assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = page.body.decode().splitlines()
        for line in lines:
            assert line.startswith("# ") or LINE.fullmatch(line), line
        values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        ours = 'remit_requests_total{{path="/v1/chat/completions",status="{}",worker="0"}}'
        assert values[ours.format(200)] == "2"
        assert values[ours.format(400)] == "1"
        assert values['remit_requests_total{path="other",status="404",worker="0"}'] == "53"
        assert values['remit_answers_total{action="hand_over",worker="0"}'] == "1"
        assert (
            values['remit_request_seconds_bucket{le="+Inf",worker="0"}']
            == values['remit_request_seconds_count{worker="0"}']
        )
        assert len([line for line in lines if "remit_requests_total{" in line]) < 10

    played(tmp_path, scene_of)


def test_metrics_count_broken_rules_by_stage_and_action(tmp_path):
    async def scene_of(scene):
        await scene.ask(chat(f"Mine is {IBAN}.", stream=True))
        await scene.ask(chat("Hi"))
        page = (await scene.get("/metrics")).body.decode()
        for stage in ("input", "output"):
            labels = f'rule="no-iban",stage="{stage}",action="redact",worker="0"'
            assert re.search(rf"remit_violations_total{{{re.escape(labels)}}} [12]\n", page)

    played(tmp_path, scene_of, Scripted([f"Pay to {IBAN}."]))


def test_health_names_the_remit(tmp_path):
    async def scene_of(scene):
        answer = await scene.get("/health")
        assert answer.json == {"status": "ok", "policy": scene.deployment.guard.policy.digest}

    played(tmp_path, scene_of)


@pytest.mark.parametrize(
    "path",
    [
        "/receipts/",
        "/receipts/rct_",
        "/receipts/rct_x",
        "/receipts/../x",
        "/receipts/rct_%",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/",
        "/nothing",
        "/v1/chat/completions",
    ],
)
def test_what_is_not_there_is_a_404(path, tmp_path):
    async def scene_of(scene):
        answer = await scene.get(path)
        assert answer.status == 404
        assert answer.error["code"] == "not_found"

    played(tmp_path, scene_of)


def test_starts_and_cases_are_no_receipts(tmp_path):
    async def scene_of(scene):
        await scene.evidence.append(
            {
                "id": "start_1",
                "time": "2026-11-24T05:47:07.123Z",
                "kind": "start",
                "policy_text": {},
            }
        )
        assert (await scene.get("/receipts/start_1")).status == 404

    played(tmp_path, scene_of)


def test_an_old_receipt_is_read_from_the_record(tmp_path):
    async def first(scene):
        name = (await scene.ask(chat("Hi"))).headers["x-remit-receipt"]
        scene.deployment.receipts.clear()
        return name, (await scene.get(f"/receipts/{name}")).json

    async def second(scene):
        return (await scene.get(f"/receipts/{name}")).json

    name, before = played(tmp_path, first)
    assert played(tmp_path, second) == before
    assert before["record"].keys() == {"writer", "seq", "hash"}


def test_the_receipts_place_in_the_chain_is_the_records(tmp_path):
    async def scene_of(scene):
        name = (await scene.ask(chat("Hi"))).headers["x-remit-receipt"]
        receipt = (await scene.get(f"/receipts/{name}")).json
        (stored,) = [e for e in scene.evidence.entries() if e.record and e.record["id"] == name]
        assert receipt["record"]["hash"] == stored.entry.hash
        assert {k: v for k, v in receipt.items() if k != "record"} == stored.record

    played(tmp_path, scene_of)


def test_300_rules_fit_in_the_headers_of_an_answer(tmp_path):
    rule = """\
  - id: a-rule-with-a-name-of-its-own-{0}
    says: Says nothing of {0}.
    because: It is private.
    owner: Ann
    detect: [{{phrases: [number {0}]}}]
    then: {{input: block, output: block}}
"""
    head = HEAD + "delivery: {prompt_tokens: 6000}\nrules:\n"
    remit = head + "".join(rule.format(n) for n in range(300))

    async def scene_of(scene):
        answer = await scene.ask(chat("Hi"))
        assert answer.headers["x-remit-checked"] == "input=300 rules; output=300 rules"
        assert sum(len(k) + len(v) + 4 for k, v in answer.headers.items()) < 4_000

    played(tmp_path, scene_of, remit=remit)
