"""One remit in service: its guard, its instructions to the model, its model and its record."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from remit.evidence import Case, Entry, Evidence, EvidenceError, new_id, show, stamp
from remit.layers.guard import Guard
from remit.layers.prompt import Prompt, compile_prompt
from remit.models.base import Model
from remit.types import Json, Stage

# The newest receipts are answered from memory: a page asks for them at once.
_RECEIPTS = 512
# Characters: clients and proxies bound all headers of an answer together, some at 8 KB.
_HEADER = 1_000


@dataclass
class Deployment:
    """All that answering under one remit needs."""

    guard: Guard
    model: Model
    evidence: Evidence
    canary: str = ""
    upstream: str = ""
    demonstration: bool = False
    model_id: str = ""
    receipts: dict[str, Json] = field(default_factory=dict)

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
            shown = show(self.evidence.path, id)
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
