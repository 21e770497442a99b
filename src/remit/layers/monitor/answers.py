"""What a record in the evidence says of one answer, as far as rates need it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Done = Literal["stopped", "through", "failed"]
ANSWERS: Final = frozenset({"answer", "refusal"})
_PASSES: Final = frozenset({"allow", "flag"})
_SPOKEN: Final = frozenset({"output", "tool"})
_WORD_MOST: Final = 200
_FOUND_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `found` holds, by rule and channel, what the guard did with what it found.

    `conversation` stands for the conversation up to and with this answer and `follows` for it up
    to and with the answer before, so that the answers of one conversation can be put together.
    `sampled` is the probability with which it was drawn to be judged; 0 where it should have been
    and the queue was full; None where it was not drawn.
    """

    id: str
    time: str
    policy: str
    model: str
    conversation: str
    follows: str
    sha256: str
    sampled: float | None
    found: Mapping[tuple[str, str], Done] = field(default_factory=dict)

    @property
    def risky(self) -> bool:
        """True where the guard found or missed anything: such answers are judged more often."""
        return bool(self.found)

    def reached(self, rule: str) -> bool:
        """True where the guard itself saw a violation of the rule go out."""
        return any(self.found.get((rule, side)) == "through" for side in _SPOKEN)


def read_answer(record: Mapping[str, Any]) -> Answer | None:
    """The answer that a record tells of; None for any other kind, or one without an id."""
    if record.get("kind") not in ANSWERS or not isinstance(record.get("id"), str):
        return None
    delivered = record.get("delivered")
    sampled = record.get("sampled")
    return Answer(
        record["id"],
        word(record.get("time")),
        word(record.get("policy")),
        word(record.get("model")),
        word(record.get("conversation")),
        word(record.get("follows")),
        word(delivered.get("sha256")) if isinstance(delivered, Mapping) else "",
        float(sampled)
        if isinstance(sampled, int | float) and not isinstance(sampled, bool) and 0 <= sampled <= 1
        else None,
        _found(record.get("findings")),
    )


def word(value: object) -> str:
    """A short text, whatever stood there."""
    return value[:_WORD_MOST] if isinstance(value, str) else ""


def _found(findings: object) -> dict[tuple[str, str], Done]:
    """The worst for the client of each rule and channel: through, then failed, then stopped."""
    found: dict[tuple[str, str], Done] = {}
    for finding in findings[:_FOUND_MOST] if isinstance(findings, list) else ():
        if not isinstance(finding, Mapping):
            continue
        key = (word(finding.get("rule")), word(finding.get("stage")))
        if finding.get("failure"):
            done: Done = "failed"
        else:
            done = "through" if finding.get("action") in _PASSES else "stopped"
        if _GRAVITY[done] >= _GRAVITY[found.get(key, "stopped")]:
            found[key] = done
    return found


_GRAVITY: Final = {"stopped": 0, "failed": 1, "through": 2}
