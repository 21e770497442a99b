"""A replay of the newest recorded answers, as a job: from the evidence, told in plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from remit.console.drafting import drafts
from remit.console.jobs import Step
from remit.console.replay.answer import Changed, Recorded
from remit.console.replay.run import Replay, Replayed
from remit.evidence import CaseError, Evidence
from remit.policy import Loaded, Policy, PolicyError, loads
from remit.types import Json, Stage

_WINDOW: Final = 1_000
_STARTS: Final = 200
_KINDS: Final = ("answer", "refusal")


def replaying(evidence: Evidence, draft: Loaded, live: Policy, most: int) -> Iterator[Step]:
    """Replays the newest `most` answers over the draft; each step holds what it came to so far."""
    of = min(most, _recorded(evidence))
    replay = Replay(draft, _former(evidence, live), _withheld(evidence))
    yield Step(0, of)
    for so_far in replay.run(newest_first(evidence, most)):
        yield Step(so_far.answers, of, told(so_far))


def newest_first(evidence: Evidence, most: int) -> Iterator[Mapping[str, Any] | None]:
    """The newest answers that are recorded, the last one first; None for one that was erased."""
    upper = int(evidence.rows("SELECT max(position) FROM entries")[0][0] or 0)
    given = 0
    while upper > 0:
        lower = max(0, upper - _WINDOW)
        window = evidence.entries(after=lower, limit=_WINDOW)
        for stored in reversed([entry for entry in window if entry.position <= upper]):
            if stored.kind in _KINDS:
                yield stored.record
                given += 1
                if given == most:
                    return
        upper = lower


def judged_texts(evidence: Evidence, record: Mapping[str, Any], live: Policy) -> dict[Stage, str]:
    """The texts of an answer that a replay reads: where they are whole, or kept with its case."""
    recorded = Recorded(record)
    former = _former(evidence, live)(recorded.policy) if recorded.policy else None
    recorded.find_texts(former, _withheld(evidence))
    return recorded.texts


def told(replayed: Replayed) -> Json:
    """What a replay came to, as JSON values."""
    return {
        "answers": replayed.answers,
        "replayed": replayed.replayed,
        "changed": replayed.changed,
        "moves": [
            [before.word, after.word, number]
            for (before, after), number in sorted(replayed.moves.items(), key=lambda m: -m[1])
        ],
        "rules": dict(sorted(replayed.rules.items(), key=lambda rule: -rule[1])),
        "unread": dict(replayed.unread),
        "models": list(replayed.models),
        "named": [_named(changed) for changed in replayed.named],
    }


def _named(changed: Changed) -> Json:
    return {
        "receipt": changed.receipt,
        "time": changed.time,
        "before": changed.before.word,
        "after": changed.after.word,
        "rules": list(changed.rules),
        "former": list(changed.former),
        "unanswered": changed.unanswered,
        "hits": [
            [hit.place.value, hit.rule, [[span.start, span.end] for span in hit.spans[:8]]]
            for hit in changed.hits[:8]
        ],
    }


def _recorded(evidence: Evidence) -> int:
    sql = "SELECT coalesce(sum(number), 0) FROM counts WHERE kind IN (?, ?)"
    return int(evidence.rows(sql, _KINDS)[0][0])


def _former(evidence: Evidence, live: Policy) -> Callable[[str], Policy | None]:
    """Remits by digest: the live one, those the store keeps, those in force when a server began."""
    known: dict[str, Policy | None] = {live.digest: live}

    def former(digest: str) -> Policy | None:
        if digest not in known:
            known[digest] = _kept(evidence, digest) or _begun(evidence, digest)
        return known[digest]

    return former


def _kept(evidence: Evidence, digest: str) -> Policy | None:
    kept = drafts.find(evidence, digest)
    try:
        return loads(kept.text).policy if kept else None
    except PolicyError:
        return None  # of another version of Remit: its rules are all read anew


def _begun(evidence: Evidence, digest: str) -> Policy | None:
    sql = "SELECT id FROM entries WHERE kind = 'start' AND kind <> 'answer'"
    for (id_,) in evidence.rows(f"{sql} ORDER BY position DESC LIMIT ?", (_STARTS,)):
        record = evidence.get(id_) or {}
        if record.get("policy") == digest:
            try:
                return Policy.model_validate(record.get("policy_text"))
            except ValidationError:
                return None
    return None


def _withheld(evidence: Evidence) -> Callable[[str], str | None]:
    def withheld(case: str) -> str | None:
        try:
            draft = evidence.case(case).question.get("draft")
        except CaseError:
            return None
        return draft if isinstance(draft, str) else None

    return withheld
