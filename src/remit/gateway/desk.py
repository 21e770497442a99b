"""Cases by HTTP: a client program fetches its answer, a reviewer's key decides.

GET  /cases/{id}           the client that opened it, or a reviewer
GET  /cases                what waits, for a reviewer
POST /cases/{id}/{verb}    answer, approve, edit, release, reject; {"text": …} where it needs one
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from remit.evidence import Case, CaseError, EvidenceError, State
from remit.gateway.approval import completion_of
from remit.gateway.deployment import Deployment
from remit.gateway.keys import Key
from remit.gateway.own import JSON
from remit.http.message import Request, Response, refusal
from remit.layers.monitor.cases import APPROVAL, Verb, decide, verbs
from remit.layers.monitor.measures import Measures
from remit.layers.monitor.people import Person
from remit.types import Json

_LISTED = 200
_NOT_KEPT = ("cache-control", "no-store")


async def answer(request: Request, deployment: Deployment, key: Key | None) -> Response:
    """Answers a request below `/cases`."""
    reviewer = key is not None and key.role == "reviewer"
    parts = request.path.removeprefix("/cases").strip("/").split("/")
    try:
        match (request.method, parts):
            case ("GET", [""]) if reviewer:
                cases = await asyncio.to_thread(deployment.evidence.cases, state=State.OPEN)
                return _json({"cases": [_for_reviewer(case) for case in cases[:_LISTED]]})
            case ("GET", [id]) if id:
                return await _one(deployment, id, key)
            case ("POST", [id, verb]) if reviewer and key is not None:
                return await _decided(deployment, id, verb, key, request.body)
            case ("GET", [""]) | ("POST", [_, _]):
                return refusal(403, "reviewer_only", _REVIEWER)
    except CaseError as error:
        return refusal(409, "case", str(error))
    except EvidenceError as error:
        return refusal(503, "evidence_unavailable", str(error))
    return refusal(404, "not_found", f"nothing is served at {request.method} {request.path}")


_REVIEWER = (
    "people decide on cases: in the console, by `remit cases`, or with a reviewer's key "
    "(`remit keys add NAME --role reviewer`)"
)


async def _one(deployment: Deployment, id: str, key: Key | None) -> Response:
    """A case, for the program that opened it. Its id is 74 random bits, told to nobody else."""
    try:
        case = await asyncio.to_thread(deployment.evidence.case, id)
    except CaseError:
        case = None
    if case is not None and key is not None and key.role == "reviewer":
        return _json(_for_reviewer(case))
    if case is None or case.kind == "review" or (key is not None and case.notify != key.name):
        return refusal(404, "not_found", "there is no such case")
    return _json(for_client(case, deployment.current.measures))


def for_client(case: Case, measures: Measures) -> Json:
    """What the program that opened a case may see of it, with these measures in force."""
    told: Json = {
        "id": case.id,
        "kind": case.kind,
        "state": case.state.value,
        "due": case.due,
        "colleague": case.colleague,
        "receipt": case.receipt,
    }
    if case.state is State.OPEN:
        return told
    if measures.killed or (measures.stops and case.kind == APPROVAL):
        # What a person has let go waits until the assistant may speak again.
        return {**told, "state": State.OPEN.value, "paused": True}
    told |= {"outcome": case.outcome, "answer": case.answer, "updated": case.updated}
    if case.kind == APPROVAL:
        number = case.receipt.removeprefix("rct_")
        told["completion"] = completion_of(case, "", number, 0)
    return told


def _for_reviewer(case: Case) -> Json:
    names = (
        "id", "kind", "time", "due", "rule", "owner", "colleague", "receipt",
        "answer", "who", "outcome", "fallback", "updated",
    )  # fmt: skip
    told: dict[str, Any] = {name: getattr(case, name) for name in names}
    question = {name: value for name, value in case.question.items() if name != "body"}
    may = [verb.value for verb in verbs(case)]
    return {**told, "state": case.state.value, "question": question, "verbs": may}


async def _decided(deployment: Deployment, id: str, verb: str, key: Key, body: bytes) -> Response:
    try:
        chosen = Verb(verb)
    except ValueError:
        return refusal(404, "not_found", f"no verb '{verb}'; have {', '.join(Verb)}")
    text = _text(body)
    if text is None:
        return refusal(400, "invalid_json", 'the body is a JSON object such as {"text": "…"}')
    person = Person(key.name, "key")
    return _json(_for_reviewer(await decide(deployment.evidence, id, chosen, person, text)))


def _text(body: bytes) -> str | None:
    """The text that goes with a verb; None where it cannot be read."""
    if not body:
        return ""
    try:
        text = orjson.loads(body)["text"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return text if isinstance(text, str) else None


def _json(value: Json) -> Response:
    return Response(200, [JSON, _NOT_KEPT], orjson.dumps(value))
