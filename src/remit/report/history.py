"""The remits that came before this one: when each was in force, and what each changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from remit.policy import Policy
from remit.policy.diff import Change, diff
from remit.types import Json


@dataclass(frozen=True, slots=True)
class Version:
    """One remit. `since` is when the record first shows it in force, empty where it never does.

    `trouble` says why a text in the record cannot be used; `changes` are from the one before.
    """

    digest: str
    source: str
    since: str = ""
    policy: Policy | None = None
    changes: tuple[Change, ...] | None = None
    trouble: str = ""


def versions(
    current: Policy,
    earlier: Iterable[tuple[str, Policy]],
    starts: Sequence[tuple[str, str, Json | None]],
) -> tuple[Version, ...]:
    """Oldest first, the remit of this report last.

    The order is that in which the record shows them in force. Files the record never shows come
    before those, in the order given.
    """
    shown = [_recorded(time, digest, text) for time, digest, text in starts]
    known = {version.digest for version in shown}
    files = [Version(p.digest, name, policy=p) for name, p in earlier if p.digest not in known]
    line = [*files, *shown]
    if not line or line[-1].digest != current.digest:
        line.append(Version(current.digest, "the remit of this report", policy=current))
    compared: list[Version] = []
    for version in line:
        before = next((v.policy for v in reversed(compared) if v.policy is not None), None)
        changes = None
        if before is not None and version.policy is not None:
            changes = tuple(diff(before, version.policy))
        compared.append(
            Version(
                version.digest, version.source, version.since, version.policy, changes,
                version.trouble,
            )
        )  # fmt: skip
    return tuple(compared)


def _recorded(time: str, digest: str, text: Json | None) -> Version:
    source = "the record"
    if text is None:
        trouble = "the record holds no text of it"
        return Version(digest, source, time, trouble=trouble)
    try:
        policy = Policy.model_validate(text)
    except (ValidationError, RecursionError):
        trouble = "its recorded text is no remit of this version of Remit"
        return Version(digest, source, time, trouble=trouble)
    if policy.digest != digest:
        trouble = "its recorded text has another digest than the record says"
        return Version(digest, source, time, trouble=trouble)
    return Version(digest, source, time, policy)
