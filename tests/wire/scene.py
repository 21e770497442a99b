"""A gateway in service for a test: a remit, a model, a record, and ways to ask."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import openai
import orjson
from raw import Answer, ask

from remit.evidence import Evidence, verify
from remit.gateway.app import Gateway
from remit.gateway.building import build, rebuilt
from remit.gateway.control import Control
from remit.gateway.deployment import Deployment
from remit.gateway.keys import Keyring
from remit.gateway.options import ServeOptions
from remit.http.server import Limits, serve
from remit.models.base import Model

EMPTY = "remit: 1\norganisation: Hollis\nrules: []\n"
HEAD = """\
remit: 1
organisation: Hollis
responsible: {owner: Ann, colleague: {name: the duty accountant}}
"""
RULES = (
    HEAD
    + """\
delivery: {refusal: %s, media: %s}
rules:
  - id: no-legal-advice
    says: Does not give legal advice.
    because: Only a lawyer may.
    owner: Ann
    severity: high
    detect: [{phrases: [you should sue]}]
    then: {input: allow, output: block}
    answer: I cannot advise on the law.
  - id: refer
    says: Refers doubts to a colleague.
    because: It is safer.
    owner: Ben
    detect: [{phrases: [special case]}]
    then: {input: hand_over, output: hand_over, tool: hand_over}
    answer: I have passed this to {colleague}.
  - id: no-promises
    says: Promises nothing.
    because: Nobody can.
    owner: Ann
    detect: [{phrases: [i guarantee]}]
    then: {output: replace}
    answer: I can promise nothing.
  - id: no-iban
    says: Never gives an IBAN.
    because: It is private.
    owner: Ann
    severity: critical
    detect: [{identifier: [iban]}]
    then: {input: redact, output: redact, tool: redact}
  - id: no-takeover
    says: Keeps to its instructions.
    because: A document gives no orders.
    owner: Ann
    severity: critical
    detect: [{phrases: [ignore all previous instructions]}]
    then: {input: block, tool: block}
    answer: I keep to my task.
"""
)
IBAN = "NL91ABNA0417164300"


def rules(refusal: str = "message", media: str = "refuse") -> str:
    """A remit with a rule for each action."""
    return RULES % (refusal, media)


@dataclass
class Scene:
    """A gateway that is being served."""

    port: int
    gateway: Gateway
    deployment: Deployment
    evidence: Evidence

    @property
    def now(self) -> Deployment:
        """The deployment that the next request is answered under."""
        return self.gateway.deployments[""]

    @property
    def base_url(self) -> str:
        """What a client is told."""
        return f"http://127.0.0.1:{self.port}/v1"

    @asynccontextmanager
    async def client(self, key: str = "none", **more: Any) -> AsyncIterator[openai.AsyncOpenAI]:
        """The official client, without retries or proxies."""
        async with official(self.base_url, key, **more) as client:
            yield client

    async def ask(self, request: Any, **more: Any) -> Answer:
        """One chat request, as bytes or a value, through a raw socket."""
        body = request if isinstance(request, bytes) else orjson.dumps(request)
        return await ask(self.port, "POST", "/v1/chat/completions", body, **more)

    async def get(self, path: str, **more: Any) -> Answer:
        """A GET request through a raw socket."""
        return await ask(self.port, "GET", path, **more)

    def records(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What is in the evidence but for the start, oldest first."""
        stored = [e.record for e in self.evidence.entries(kind=kind) if e.record]
        return [record for record in stored if record["kind"] not in ("start", "case")]


@asynccontextmanager
async def official(
    base_url: str, key: str = "none", **more: Any
) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official asynchronous client for an address."""
    settings = {"max_retries": 0, "timeout": 30, **more}
    async with (
        openai.DefaultAsyncHttpxClient(trust_env=False) as http,
        openai.AsyncOpenAI(base_url=base_url, api_key=key, http_client=http, **settings) as client,
    ):
        yield client


@asynccontextmanager
async def serving(
    path: Path,
    remit: str,
    model: Model,
    *,
    keyring: Keyring | None = None,
    limits: Limits | None = None,
    **given: Any,
) -> AsyncIterator[Scene]:
    """Serves a remit with a model of one's own; the evidence, in `path`, must verify afterwards."""
    file = path / "remit.yaml"
    file.write_text(remit, "utf-8")
    database = path / "evidence.db"
    options = ServeOptions(
        str(file), upstream="scripted", evidence=str(database), **{"monitor": False, **given}
    )
    evidence = Evidence.open(database)
    gateway, deployments = build(options, evidence, keyring)
    for deployment in deployments:
        deployment.model = model
    control = Control(gateway.deployments, evidence, partial(rebuilt, options))
    await control.refresh()
    looking = asyncio.create_task(control.run())
    server = await serve(gateway, limits=limits)
    try:
        yield Scene(server.port, gateway, deployments[0], evidence)
    finally:
        await server.close(2)
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        await model.close()
        evidence.close()
    report = verify(database)
    assert report.ok, report.problems


def chat(text: str, **more: Any) -> dict[str, Any]:
    """A request with one message."""
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def played(path: Path, scene_of: Any, model: Model, remit: str | None = None, **more: Any) -> Any:
    """Runs a scene against a gateway with the model, and answers what it answers."""

    async def main() -> Any:
        async with serving(path, remit or rules(), model, **more) as scene:
            return await asyncio.wait_for(scene_of(scene), 60)

    return asyncio.run(main())


async def until(done: Any, seconds: float = 5.0) -> None:
    """Waits until `done()` holds."""
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.01)


def ends(events: list[Any]) -> dict[int, list[str]]:
    """The finish reasons of each choice."""
    found: dict[int, list[str]] = {}
    for item in events[:-1]:
        for choice in item["choices"]:
            reasons = found.setdefault(choice["index"], [])
            if choice["finish_reason"]:
                reasons.append(choice["finish_reason"])
    return found


def is_orderly(events: list[Any]) -> None:
    """One id, time and model; the role first; one end for each choice; the end mark last."""
    assert events[-1] == "[DONE]"
    assert len({(e["id"], e["created"], e["model"]) for e in events[:-1]}) == 1
    first: dict[int, Any] = {}
    for item in events[:-1]:
        for choice in item["choices"]:
            first.setdefault(choice["index"], choice["delta"])
    assert all(delta.get("role") == "assistant" for delta in first.values()), first
    assert all(len(reasons) == 1 for reasons in ends(events).values()), ends(events)
