"""One request on its way: the remit it is under, and what is known of its answer so far."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from remit.evidence import subject_of
from remit.gateway import wire
from remit.gateway.conversation import Fingerprints, fingerprints
from remit.gateway.deployment import Deployment
from remit.layers.guard import Log
from remit.models.base import UpstreamError
from remit.types import Json, Message

# Seconds that an answer on its way waits for the end of a pause that holds it.
HELD_SECONDS = 300.0


_TRACE_MOST = 64


def subject_in(request: Json) -> str:
    """Whom the client program says it asks for, as the record may know them; empty for nobody."""
    named = request.get("safety_identifier") or request.get("user")
    return subject_of(named) if isinstance(named, str) and named.strip() else ""


def traced(headers: Mapping[str, str]) -> str:
    """The client's `traceparent`, where it is one at all."""
    trace = headers.get("traceparent", "")
    return trace if len(trace) <= _TRACE_MOST and trace.isascii() and trace.isprintable() else ""


@dataclass(slots=True)
class Exchange:
    """A request and its answer.

    `news` is what its client is told before all else: see `news`. `unstreamed` is set where the
    model was asked for a whole answer although the client wants a stream.
    """

    deployment: Deployment
    request: Json
    headers: Mapping[str, str]
    log: Log
    told: Callable[[Log], None]
    turns: tuple[Message, ...]
    prints: Fingerprints
    sent: tuple[Message, ...] = ()
    news: str = ""
    began: float = field(default_factory=time.monotonic)
    unstreamed: bool = False

    @classmethod
    def of(
        cls,
        deployment: Deployment,
        request: Json,
        headers: Mapping[str, str],
        told: Callable[[Log], None],
        client: str = "",
    ) -> Exchange:
        """A request as it came in. `client` is the name of its key; empty without keys."""
        turns = wire.turns(request["messages"])
        prints = fingerprints(turns, request, headers, client)
        log = Log(
            deployment.guard.enforcer,
            str(request.get("model", "")),
            deployment.upstream,
            interventions=deployment.in_force,
            conversation=prints.now,
            follows=prints.before,
            client=client,
            subject=subject_in(request),
            trace=traced(headers),
        )
        return cls(deployment, request, headers, log, told, turns, prints)

    @property
    def created(self) -> int:
        """Now, in Unix seconds, as the format wants it."""
        return int(time.time())

    def response_headers(self, *, whole: bool) -> list[tuple[str, str]]:
        """The receipt in headers: what is known by now. A stream's answer is still to come."""
        log, deployment = self.log, self.deployment
        headers = [
            ("x-remit-receipt", log.id),
            ("x-remit-policy", log.policy.digest),
        ]
        read = {verdict.stage for _, verdict in log.verdicts}
        checked = [told for stage, told in deployment.asked.items() if stage in read]
        if checked:
            headers.append(("x-remit-checked", "; ".join(checked)))
        if whole:
            headers.append(("x-remit-action", log.action.word))
        if log.case_id is not None:
            headers.append(("x-remit-case", log.case_id))
        if log.unchecked:
            headers.append(("x-remit-unchecked", ", ".join(log.unchecked)[:1000]))
        return headers

    async def record(self, kind: str = "answer") -> None:
        """Puts the receipt on the disk. Raises EvidenceError."""
        await self.deployment.keep(self._told(kind), self.log.case)

    def record_later(self) -> None:
        """Queues the receipt of an answer that nobody waits for any more."""
        self.deployment.keep_later(self._told("answer"), self.log.case)

    def _told(self, kind: str) -> Json:
        watcher = self.deployment.watcher
        if watcher is not None:
            watcher.seen(self.log, self.turns)
        if self.deployment.shadow is not None:
            self.deployment.shadow.seen(self.log, self.turns)
        self.log.seconds = round(time.monotonic() - self.began, 4)
        record = self.log.record(self.turns, kind)
        self.told(self.log)
        return record

    @property
    def is_free(self) -> bool:
        """False while what is in force now stops answers that are on their way."""
        now = self.deployment.current.measures
        return not (now.killed or now.holds)

    async def free(self) -> None:
        """Waits while answers on their way are held.

        Raises UpstreamError where the assistant is stopped, or the pause outlasts the wait.
        """
        current = self.deployment.current
        if current.measures.killed:
            raise UpstreamError("stopped", "the assistant was stopped")
        try:
            resumed = await current.until(lambda: not current.measures.holds, HELD_SECONDS)
        except asyncio.CancelledError:
            self.log.error = "the client went away while the answer was held"
            raise
        if not resumed or current.measures.killed:
            raise UpstreamError("stopped", "the assistant is paused and answers are held")
