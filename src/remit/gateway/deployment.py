"""One remit in service: its guard, its instructions to the model, its model and its record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

from remit import __version__
from remit.evidence import Case, Entry, Evidence, EvidenceError, new_id, stamp
from remit.gateway.current import Current
from remit.layers.guard import Guard, Log
from remit.layers.monitor.cases import heard
from remit.layers.monitor.measures import NONE, Measures
from remit.layers.monitor.tighten import tightened
from remit.layers.prompt import Prompt, compile_prompt
from remit.models.base import Model
from remit.types import Json, Message, Stage

# The newest receipts are answered from memory: a page asks for them at once.
_RECEIPTS = 512
# Characters: clients and proxies bound all headers of an answer together, some at 8 KB.
_HEADER = 1_000


class Watcher(Protocol):
    """Whoever looks at answers once they are made; it must cost microseconds."""

    def seen(self, log: Log, turns: Sequence[Message]) -> None:
        """An answer is about to be recorded, with these turns of its client's."""
        ...

    async def run(self) -> None:
        """Works through what was seen, until cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class Fallback:
    """Another model that can serve: `name` is what the record says of it."""

    model: Model
    name: str
    model_id: str = ""


@dataclass
class Deployment:
    """All that answering under one remit needs. A request keeps to the one that it came in under.

    What is in force beside the remit makes another deployment of it: see `under`.
    """

    guard: Guard
    model: Model
    evidence: Evidence
    canary: str = ""
    upstream: str = ""
    demonstration: bool = False
    model_id: str = ""
    text: str = ""
    receipts: dict[str, Json] = field(default_factory=dict)
    measures: Measures = NONE
    current: Current = field(default_factory=Current)
    fallback: Fallback | None = None
    asks_for: str = ""  # the model's name that requests get, where another one serves
    watcher: Watcher | None = None
    shadow: Watcher | None = None  # a draft of the remit that reads along, without effect

    def under(self, measures: Measures) -> Deployment:
        """This remit with measures in force. Costs little: nothing is compiled anew."""
        enforcer = tightened(self.guard.enforcer, measures.thresholds)
        guard = self.guard if enforcer is self.guard.enforcer else Guard(enforcer)
        made = replace(self, guard=guard, measures=measures)
        if measures.fallback is not None:
            made.asks_for = measures.fallback.value
            if self.fallback is not None:
                made.model, made.upstream = self.fallback.model, self.fallback.name
                made.asks_for = made.asks_for or self.fallback.model_id
        return made

    @cached_property
    def lacks_fallback(self) -> bool:
        """True where another model should serve, and there is none."""
        return self.measures.fallback is not None and not (self.fallback or self.asks_for)

    @cached_property
    def in_force(self) -> tuple[str, ...]:
        """The interventions in force, for receipts."""
        return tuple(sorted(self.measures.ids))

    @cached_property
    def instructions(self) -> Prompt:
        """The system prompt that the remit asks for; empty where it asks for nothing."""
        policy = self.guard.policy
        budget = policy.delivery.prompt_tokens
        return compile_prompt(policy, tokens=budget, canary=self.canary or None)

    @property
    def canaries(self) -> tuple[str, ...]:
        """What was planted in the instructions."""
        return (self.canary,) if self.canary else ()

    @cached_property
    def asks_input(self) -> bool:
        """True where a rule speaks of what clients or tools say."""
        enforcer = self.guard.enforcer
        return bool(enforcer.asked(Stage.INPUT) or enforcer.asked(Stage.TOOL))

    @cached_property
    def asks_output(self) -> bool:
        """True where a rule speaks of what the assistant says."""
        return bool(self.guard.enforcer.asked(Stage.OUTPUT))

    @cached_property
    def asks_tools(self) -> bool:
        """True where a rule speaks of tool calls."""
        return bool(self.guard.enforcer.asked(Stage.TOOL))

    @cached_property
    def asks_reply(self) -> bool:
        """True where anything of a reply is judged at all."""
        return self.asks_output or self.asks_tools

    @cached_property
    def asked(self) -> dict[Stage, str]:
        """Which rules are asked on each channel, for headers: their ids, or how many they are."""
        enforcer = self.guard.enforcer
        asked = {}
        for stage in (Stage.INPUT, Stage.OUTPUT, Stage.TOOL):
            ids = [rule.id for rule in enforcer.rules(stage)]
            text = ",".join(ids)
            if ids:
                told = text if len(text) <= _HEADER else f"{len(ids)} rules"
                asked[stage] = f"{stage.value}={told}"
        return asked

    def start_record(self) -> Json:
        """What the record says when this remit comes into force."""
        policy = self.guard.policy
        return {
            "id": f"start_{new_id()}",
            "time": stamp(),
            "kind": "start",
            "remit": __version__,
            "policy": policy.digest,
            "organisation": policy.organisation,
            "upstream": self.upstream,
            "policy_text": policy.model_dump(mode="json"),
        }

    async def keep(self, record: Json, case: Case | None) -> None:
        """Puts a record on the disk. Raises EvidenceError."""
        self._remember(record, await self.evidence.append(record, case=case))

    async def prove(self) -> None:
        """After a write has failed: asks a model only once the record can be written again.

        Else its answer would be paid for and withheld, or begun and never ended. Raises
        EvidenceError.
        """
        broken = self.evidence.broken
        if broken is not None:
            record = {"id": f"resumed_{new_id()}", "time": stamp(), "kind": "resumed"}
            await self.evidence.append({**record, "error": broken})

    def heard(self, case: str) -> None:
        """Closes a case whose answer its client has; another worker may have been first."""
        step = heard(case, stamp())
        task = asyncio.ensure_future(self.evidence.change(step.record(), step))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def keep_later(self, record: Json, case: Case | None) -> None:
        """Queues a record whose answer nobody waits for any more."""
        with suppress(EvidenceError):
            future = self.evidence.append_nowait(record, case=case)
            future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def receipt(self, id: str) -> Json | None:
        """The receipt of an answer, with its place in the chain.

        Of answers alone: the record also holds cases, with what a rule withheld.
        """
        found = self.receipts.get(id)
        if found is not None or not id.startswith("rct_"):
            return found
        try:
            shown = self.evidence.show(id)
        except EvidenceError:
            return None
        record, chain = shown["record"], shown["chain"]
        if record is None:
            return None
        return {**record, "record": {key: chain[key] for key in ("writer", "seq", "hash")}}

    def _remember(self, record: Json, entry: Entry) -> None:
        place = {"writer": entry.writer, "seq": entry.seq, "hash": entry.hash}
        self.receipts[record["id"]] = {**record, "record": place}
        if len(self.receipts) > _RECEIPTS:
            del self.receipts[next(iter(self.receipts))]
