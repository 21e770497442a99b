"""Records as a gateway writes them, by dice: conversations, and what auditors made of some."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

from remit.evidence import Evidence, stamp
from remit.policy import Policy, loads

START = datetime(2026, 9, 1, 9, tzinfo=UTC)


def policy(rules: int = 3, *, audit: bool = True, extra: str = "", share: str = "50%") -> Policy:
    """A remit of so many rules that flag; violations that the guard misses are the auditors'."""
    head = "remit: 1\norganisation: Hollis\nresponsible: {owner: Ann}\n"
    head += f"monitor: {{sample: {share}}}\n"
    body = "".join(
        f"  - id: rule-{n}\n    says: Does not do {n}.\n    because: It must not.\n    owner: Ann\n"
        f"    detect: [{{phrases: [seen{n}]}}]\n"
        + (f"    audit: [{{phrases: [missed{n}]}}]\n" if audit else "")
        + f"    then: {{output: flag}}\n    tolerance: 1%\n{extra}"
        for n in range(rules)
    )
    return loads(f"{head}rules:\n{body}").policy


@dataclass
class Traffic:
    """Makes records in order of time; the same seed makes the same ones."""

    policy: Policy
    per_day: float = 400.0
    share: float = 0.5
    seed: int = 1
    now: datetime = START
    number: int = 0
    rng: Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)

    def start(self, upstream: str = "house") -> dict[str, Any]:
        """A process that begins to serve."""
        self.number += 1
        return {
            "id": f"start_{self.seed}_{self.number}",
            "time": stamp(self.now),
            "kind": "start",
            "policy": self.policy.digest,
            "upstream": upstream,
            "policy_text": self.policy.model_dump(mode="json"),
        }

    def conversations(
        self,
        count: int,
        missed: float = 0.0,
        found: float = 0.0,
        *,
        rule: str = "rule-0",
        turns: int = 1,
        judged: bool = True,
    ) -> Iterator[dict[str, Any]]:
        """So many conversations; of them `missed` hold what only an auditor finds, and `found`
        what the guard flags and lets through."""
        for _ in range(count):
            self.now += timedelta(days=1 / self.per_day)
            yield from self._conversation(missed, found, rule, turns, judged)

    def _conversation(self, missed, found, rule, turns, judged):
        before, hashes = "", []
        for turn in range(turns):
            self.number += 1
            name = f"{self.seed}-{self.number}"
            text = sha256(name.encode()).hexdigest()
            hashes.append(text)
            drawn = self.share if self.rng.random() < self.share else None
            at = stamp(self.now + timedelta(seconds=20 * turn))
            answer = answered(self.policy, f"rct_{name}", at, text, f"c{name}", before)
            if self.rng.random() < found:
                answer["findings"] = [finding(rule)]
            broken = self.rng.random() < missed
            before = f"c{name}"
            if drawn is not None:
                answer["sampled"] = drawn
            yield answer
            if drawn is not None and judged:
                places = {rule: hashes[-1:]} if broken else {}
                yield judgement(self.policy, answer, places, self._measures())

    def _measures(self):
        return {
            "asked": self.rng.lognormvariate(4, 0.5),
            "answered": self.rng.lognormvariate(6, 0.5),
            "foreign": float(self.rng.random() < 0.05),
        }


def answered(policy, id, at, text, conversation="", follows="", **more):
    """One answer's record."""
    return {
        "id": id,
        "time": at,
        "kind": "answer",
        "policy": policy.digest,
        "model": "llama",
        "action": "allow",
        "findings": [],
        "rules": {},
        "delivered": {"complete": True, "marks": [], "sha256": text},
        "conversation": conversation,
        "follows": follows,
        **more,
    }


def finding(rule, stage="output", action="flag", failure=None):
    """What the guard found, in an answer's record."""
    return {"rule": rule, "stage": stage, "action": action, "score": 0.9, "failure": failure}


def judgement(policy, answer, broken, measures=None, outcome="held"):
    """What the auditors made of an answer: `broken` names turns by rule, others are `outcome`."""
    judged = {
        rule.id: {"outcome": "broken", "turns": broken[rule.id]}
        if rule.id in broken
        else {"outcome": outcome, "turns": []}
        for rule in policy.rules
    }
    return {
        "id": answer["id"].replace("rct", "jdg"),
        "time": answer["time"],
        "kind": "judgement",
        "policy": policy.digest,
        "receipt": answer["id"],
        "sampled": answer.get("sampled"),
        "judged": judged,
        "measures": measures or {},
        "language": "en",
    }


async def keep(evidence: Evidence, records) -> None:
    """Puts records on the disk, many at a time."""
    waiting = []
    for record in records:
        waiting.append(evidence.append_nowait(record))
        if len(waiting) == 1_000:
            for future in waiting:
                await future
            waiting.clear()
    for future in waiting:
        await future


def told(evidence: Evidence, kind: str) -> list[dict[str, Any]]:
    """What the record holds of a kind."""
    return [stored.record for stored in evidence.entries(kind=kind)]
