"""Answers that wait for people, and people's answers on their way back to the client."""

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from raw import ask as raw_ask
from scene import chat, played, rules, serving, until
from test_interventions import ANN, begin, end, said
from upstream import body, upstream

from remit.evidence import CaseError, State, stamp
from remit.gateway.keys import Keyring, new_key
from remit.gateway.notify import Notifier
from remit.layers.monitor.alerts.signing import check
from remit.layers.monitor.cases import Verb, decide
from remit.layers.monitor.people import Person, PersonError
from remit.models.scripted import Scripted, ScriptedReply

SPECIAL = "It is a special case."
PASSED = "I have passed this to the duty accountant."


def one_case(scene, kind):
    (case,) = [case for case in scene.evidence.cases() if case.kind == kind]
    return case


async def opened(scene, kind="approval"):
    await until(lambda: [c for c in scene.evidence.cases(state=State.OPEN) if c.kind == kind])
    return one_case(scene, kind)


# --- Approval before sending --------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_waits_gets_the_answer_once_a_person_approves(stream, tmp_path):
    async def scene_of(scene):
        began = await begin(scene, "approve", rule="no-legal-advice")
        request = chat("Hi", stream=stream)
        asking = asyncio.create_task(scene.ask(request, headers={"prefer": "wait=20"}))
        case = await opened(scene)
        assert case.question["draft"] == "Fine."
        assert not asking.done()
        await decide(scene.evidence, case.id, Verb.APPROVE, ANN)
        answer = await asking
        assert (answer.text if stream else said(answer)) == "Fine."
        assert answer.headers["x-remit-case"] == case.id
        (record,) = scene.records("answer")
        assert (record["case"], record["interventions"]) == (case.id, [began])
        assert one_case(scene, "approval").outcome == "approved"

    played(tmp_path, scene_of, Scripted(["Fine."]))


def test_a_client_that_does_not_wait_is_told_and_asks_again(tmp_path):
    async def scene_of(scene):
        await begin(scene, "approve")
        first = await scene.ask(chat("Hi"), headers={"prefer": "respond-async"})
        assert first.status == 202
        assert said(first).startswith("The duty accountant checks this answer")
        case = await opened(scene)
        assert first.headers["x-remit-case"] == case.id
        # Asked again, it is the same case, and the model is not asked again.
        await until(lambda: scene.now.current.told)
        again = await scene.ask(chat("Hi"))
        assert (again.status, again.headers["x-remit-case"]) == (200, case.id)
        polled = await scene.get(f"/cases/{case.id}")
        assert polled.json["state"] == "open"
        assert "draft" not in polled.body.decode()
        await decide(scene.evidence, case.id, Verb.EDIT, ANN, "Fine, and thank you.")
        await until(lambda: scene.now.current.told[case.conversation][0].decided)
        assert said(await scene.ask(chat("Hi"))) == "Fine, and thank you."
        polled = (await scene.get(f"/cases/{case.id}")).json
        assert (polled["outcome"], polled["answer"]) == ("edited", "Fine, and thank you.")
        assert said_of(polled["completion"]) == "Fine, and thank you."
        assert len(model.requests) == 1

    model = Scripted(["Fine."])
    played(tmp_path, scene_of, model)


def said_of(completion):
    return completion["choices"][0]["message"]["content"]


def test_what_nobody_approves_in_time_is_never_sent(tmp_path):
    async def scene_of(scene):
        await begin(scene, "approve", rule="no-promises")
        asking = asyncio.create_task(scene.ask(chat("Hi"), headers={"prefer": "wait=30"}))
        case = await opened(scene)
        due = await past_due(scene, case.id)
        answer = await asking
        assert said(answer) == "I can't help with that here."
        case = one_case(scene, "approval")
        assert (case.state, case.outcome, case.who) == (State.ANSWERED, "timed_out", "remit")
        with pytest.raises(CaseError, match="timed_out"):
            await decide(scene.evidence, case.id, Verb.APPROVE, ANN)
        await due_at(scene, case.id, due)

    played(tmp_path, scene_of, Scripted(["Fine."]))


async def past_due(scene, id):
    """Puts a case's deadline into the past, as waiting would; returns what it was."""
    before = scene.evidence.case(id).due
    await due_at(scene, id, stamp(datetime.now(UTC) - timedelta(seconds=1)))
    return before


async def due_at(scene, id, moment):
    """Changes a deadline unseen: verification would find it, so it has to be put back."""

    class Moved:
        def apply(self, database):
            database.execute("UPDATE cases SET due = ? WHERE id = ?", (moment, id))

    record = {"id": f"moved-{moment}", "time": stamp(), "kind": "test"}
    await scene.evidence.change(record, Moved())


def test_a_rejected_answer_is_replaced_by_the_persons_words_or_the_rules(tmp_path):
    async def scene_of(scene):
        await begin(scene, "approve")
        for text, expected in (("", "I can't help with that here."), ("Call us.", "Call us.")):
            asking = asyncio.create_task(scene.ask(chat(f"Q{text}"), headers={"prefer": "wait=9"}))
            await until(lambda: scene.evidence.cases(state=State.OPEN))
            (case,) = scene.evidence.cases(state=State.OPEN)
            await decide(scene.evidence, case.id, Verb.REJECT, ANN, text)
            assert said(await asking) == expected

    played(tmp_path, scene_of, Scripted(["Fine."]))


def test_a_pause_holds_what_was_approved_until_it_ends(tmp_path):
    async def scene_of(scene):
        await begin(scene, "approve")
        asking = asyncio.create_task(scene.ask(chat("Hi"), headers={"prefer": "wait=20"}))
        case = await opened(scene)
        pause = await begin(scene, "pause")
        await decide(scene.evidence, case.id, Verb.APPROVE, ANN)
        await asyncio.sleep(0.8)
        assert not asking.done()
        assert (await scene.get(f"/cases/{case.id}")).json["paused"] is True
        await end(scene, pause)
        assert said(await asking) == "Fine."

    played(tmp_path, scene_of, Scripted(["Fine."]))


def test_an_approved_tool_call_arrives_as_the_model_made_it(tmp_path):
    from remit.models.scripted import ToolCall

    async def scene_of(scene):
        await begin(scene, "approve")
        async with scene.client() as client:
            asking = asyncio.create_task(
                client.chat.completions.create(
                    **chat("Hi", stream=False), extra_headers={"prefer": "wait=20"}
                )
            )
            case = await opened(scene)
            assert "book" in case.question["draft"]
            await decide(scene.evidence, case.id, Verb.APPROVE, ANN)
            (call,) = (await asking).choices[0].message.tool_calls
        assert (call.function.name, call.function.arguments) == ("book", '{"day":"Monday"}')

    reply = ScriptedReply("", tool_calls=(ToolCall("book", '{"day":"Monday"}'),))
    played(tmp_path, scene_of, Scripted([reply]))


@pytest.mark.parametrize("name", ["remit", "Model", "assistant", "", " ", "a\nb"])
def test_no_model_is_a_person_who_approves(name):
    with pytest.raises(PersonError):
        Person(name, "key")


# --- Handoffs -----------------------------------------------------------------------------------


def next_turn(text, *answers, **more):
    """The client's next request: the handed-over turn, what it was told, and a new question."""
    messages = [
        {"role": "user", "content": "A question"},
        *({"role": "assistant", "content": answer} for answer in answers),
        {"role": "user", "content": text},
    ]
    return {"model": "m", "messages": messages, **more}


@pytest.mark.parametrize("stream", [False, True])
def test_a_colleagues_answer_comes_in_the_next_turn_until_it_was_heard(stream, tmp_path):
    async def scene_of(scene):
        first = await scene.ask(chat("A question"))
        assert said(first).endswith(PASSED)
        case = await opened(scene, "handoff")
        assert first.headers["x-remit-case"] == case.id
        await decide(scene.evidence, case.id, Verb.ANSWER, ANN, "Yes, you can.")
        await until(lambda: scene.now.current.told)
        asked = next_turn("Anything new?", PASSED, stream=stream)
        told = "The duty accountant has answered your earlier question:\n\nYes, you can.\n\nFine."
        for _ in range(2):  # until it is known to have arrived
            answer = await scene.ask(asked)
            assert (answer.text if stream else said(answer)) == told
        assert case.conversation == scene.records("answer")[-1]["follows"]
        heard = next_turn("And now?", PASSED, told)
        assert said(await scene.ask(heard)) == "Fine."
        await until(lambda: one_case(scene, "handoff").state is State.CLOSED)

    played(tmp_path, scene_of, Scripted([SPECIAL, "Fine.", "Fine.", "Fine."]))


def test_a_stranger_with_the_same_words_does_not_get_anothers_answer(tmp_path):
    secret, key = new_key("web-site")
    bearer = {"authorization": f"Bearer {secret}"}

    async def scene_of(scene):
        asked = chat("A question", user="client-1")
        await scene.ask(asked, headers=bearer)
        case = await opened(scene, "handoff")
        await decide(scene.evidence, case.id, Verb.ANSWER, ANN, "Dear Mr Jansen, yes.")
        await until(lambda: scene.now.current.told)
        for other in ({"user": "client-2"}, {}):
            answer = await scene.ask(next_turn("So?", PASSED, **other), headers=bearer)
            assert said(answer) == "Fine."
        answer = await scene.ask(next_turn("So?", PASSED, user="client-1"), headers=bearer)
        assert "Dear Mr Jansen" in said(answer)

    played(tmp_path, scene_of, Scripted([SPECIAL, "Fine."]), keyring=Keyring((key,)))


def test_a_broken_promise_is_on_record_and_the_client_is_told_once(tmp_path):
    async def scene_of(scene):
        await scene.ask(chat("A question"))
        case = await opened(scene, "handoff")
        due = await past_due(scene, case.id)
        await until(lambda: scene.now.current.told)
        late = "The answer of the duty accountant is late; your question is not lost."
        answer = await scene.ask(next_turn("Well?", PASSED))
        assert said(answer) == f"{late}\n\nFine."
        assert said(await scene.ask(next_turn("Well?", PASSED, said(answer)))) == "Fine."
        actions = [e.record["action"] for e in scene.evidence.entries(kind="case")]
        assert actions == ["open", "overdue"]
        # Late is better than never.
        await decide(scene.evidence, case.id, Verb.ANSWER, ANN, "Yes.")
        await due_at(scene, case.id, due)

    played(tmp_path, scene_of, Scripted([SPECIAL, "Fine."]))


def test_a_released_answer_is_a_false_positive_on_record(tmp_path):
    async def scene_of(scene):
        await scene.ask(chat("A question"))
        case = await opened(scene, "handoff")
        await decide(scene.evidence, case.id, Verb.RELEASE, ANN)
        (review,) = scene.records("review")
        assert (review["rule"], review["label"], review["who"]) == ("refer", "held", "Ann")
        assert one_case(scene, "handoff").answer == SPECIAL

    played(tmp_path, scene_of, Scripted([SPECIAL]))


# --- By HTTP ------------------------------------------------------------------------------------


def test_a_reviewers_key_decides_and_a_clients_key_cannot(tmp_path):
    secret, key = new_key("web-site")
    other, another = new_key("intranet")
    hers, reviewer = new_key("Ann", role="reviewer")

    async def post(scene, path, body, secret):
        headers = {"authorization": f"Bearer {secret}"}
        return await raw_ask(scene.port, "POST", path, orjson.dumps(body), headers)

    async def scene_of(scene):
        await post(scene, "/v1/chat/completions", chat("A question"), secret)
        case = await opened(scene, "handoff")
        path = f"/cases/{case.id}"
        for client in (secret, other):
            answer = await post(scene, f"{path}/answer", {"text": "Yes."}, client)
            assert (answer.status, answer.error["code"]) == (403, "reviewer_only")
        assert (await post(scene, "/v1/chat/completions", chat("Hi"), hers)).status == 403
        listed = await scene.get("/cases", headers={"authorization": f"Bearer {hers}"})
        assert [c["id"] for c in listed.json["cases"]] == [case.id]
        assert (await post(scene, f"{path}/shred", {}, hers)).status == 404
        assert (await post(scene, f"{path}/answer", {"txt": 1}, hers)).status == 400
        assert (await post(scene, f"{path}/answer", {"text": "Yes."}, hers)).status == 200
        assert (await post(scene, f"{path}/answer", {"text": "No."}, hers)).status == 409
        mine = await scene.get(path, headers={"authorization": f"Bearer {secret}"})
        assert (mine.json["answer"], mine.json["outcome"]) == ("Yes.", "answered")
        theirs = await scene.get(path, headers={"authorization": f"Bearer {other}"})
        assert theirs.status == 404

    ring = Keyring((key, another, reviewer))
    played(tmp_path, scene_of, Scripted([SPECIAL]), keyring=ring)


def test_without_keys_nobody_decides_by_http(tmp_path):
    async def scene_of(scene):
        await scene.ask(chat("A question"))
        case = await opened(scene, "handoff")
        answer = await raw_ask(scene.port, "POST", f"/cases/{case.id}/release", b"{}")
        assert (answer.status, answer.error["code"]) == (403, "reviewer_only")
        assert (await scene.get("/cases")).status == 403
        assert (await scene.get(f"/cases/{case.id}")).json["state"] == "open"
        assert (await scene.get("/cases/case_none")).status == 404

    played(tmp_path, scene_of, Scripted([SPECIAL]))


# --- By webhook ---------------------------------------------------------------------------------


def test_a_program_is_told_at_its_own_address_signed_until_it_takes_it(tmp_path):
    async def main():
        async with upstream(body({}, 500)) as program:
            secret, key = new_key("shop", notify=f"http://127.0.0.1:{program.port}/told?by=remit")
            await told(tmp_path, program, secret, key)

    asyncio.run(main())


async def told(tmp_path, program, secret, key):
    bearer = {"authorization": f"Bearer {secret}"}
    ring = Keyring((key,))
    async with serving(tmp_path, rules(), Scripted([SPECIAL]), keyring=ring) as scene:
        notifier = Notifier(scene.evidence, ring.keys, scene.now.current)
        await scene.ask(chat("A question"), headers=bearer)
        case = await opened(scene, "handoff")
        assert (case.notify, program.requests) == ("shop", [])
        await decide(scene.evidence, case.id, Verb.ANSWER, ANN, "Yes.")
        await notifier.step()
        await notifier.step()  # it failed, and has its turn again later
        assert len(program.requests) == 1
        program.play = body({}, 204)
        await scene.evidence.alter(Sooner(case.id))
        await notifier.step()
        await notifier.step()
        second = program.requests[1]
        sent = orjson.loads(second)
        assert sent["type"] == "case.answered"
        assert (sent["data"]["id"], sent["data"]["answer"]) == (case.id, "Yes.")
        head = dict(line.split(": ", 1) for line in program.heads[1].split("\r\n")[1:] if line)
        assert program.heads[1].startswith("POST /told?by=remit ")
        now = int(head["webhook-timestamp"])
        assert check(key.notify_secret, head, second, now) == head["webhook-id"]
        (alert,) = scene.records("alert")
        assert (alert["to"], alert["channel"]) == ("shop", "webhook")


class Sooner:
    """Lets the next attempt be now."""

    def __init__(self, case):
        self.key = f"notify/{case}"

    def apply(self, database):
        database.execute("UPDATE state SET updated = '' WHERE key = ?", (self.key,))
