"""All that the report rests on, read once: the edge of the room, and the only part with I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from remit import __version__
from remit.evidence import Anchor, EvidenceError, VerifyReport, verify
from remit.policy import Policy
from remit.report import files, handoffs, history
from remit.report.document import Input
from remit.report.handoffs import Handoffs
from remit.report.observed import Observed
from remit.report.problems import ReportError
from remit.report.reading import snapshot


@dataclass(frozen=True, slots=True)
class Asked:
    """What to report on. Times read like 2026-11-24 or 2026-11-24T09:00Z, in UTC.

    `since` is within the period, `until` is not. `at` is the moment the report speaks of: the last
    entry of the record unless given, so that the same inputs give the same bytes.
    """

    policy: Policy
    policy_file: str
    evidence: str
    verifications: Sequence[str] = ()
    bias: str = ""
    calibration: str = ""
    data: Sequence[str] = ()
    earlier: Sequence[tuple[str, Policy]] = ()
    since: str = ""
    until: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that was read."""

    policy: Policy
    at: str
    at_is: str
    since: str
    until: str
    observed: Observed
    handoffs: Handoffs
    integrity: VerifyReport
    anchor: Anchor
    versions: tuple[history.Version, ...]
    verifications: tuple[files.Verification, ...]
    bias: files.Bias | None
    calibration: files.Calibration | None
    data: tuple[files.FilterRun, ...]
    inputs: tuple[Input, ...]
    remit_version: str = __version__


def gather(asked: Asked) -> Gathered:
    """Reads it all. Raises ReportError, naming the file and the cure."""
    given = _given(asked)
    observed = Observed(asked.since, asked.until)
    with snapshot(asked.evidence) as record:
        for row in record.rows():
            observed.add(row)
        at = asked.at or observed.last
        counted = handoffs.count(record.cases(), at, asked.since, asked.until)
        anchor = record.anchor(at)
    # What was counted must be in the chain that is checked, even if the gateway wrote on meanwhile.
    try:
        integrity = verify(asked.evidence, anchor=anchor)
    except EvidenceError as error:
        raise ReportError(str(error)) from None
    return Gathered(
        asked.policy,
        at,
        "the moment given" if asked.at else "the last entry of the record",
        asked.since or observed.first,
        asked.until,
        observed,
        counted,
        integrity,
        anchor,
        history.versions(asked.policy, asked.earlier, observed.starts),
        given.verifications,
        given.bias,
        given.calibration,
        given.data,
        tuple(_inputs(asked, given, integrity.path, anchor)),
    )


@dataclass(frozen=True, slots=True)
class _Given:
    verifications: tuple[files.Verification, ...]
    bias: files.Bias | None
    calibration: files.Calibration | None
    data: tuple[files.FilterRun, ...]


def _given(asked: Asked) -> _Given:
    """The files; verifications the oldest first, and the same one once."""
    found = {one.sha256: one for one in map(files.verification, asked.verifications)}
    return _Given(
        tuple(sorted(found.values(), key=lambda v: (str(v.value["started"]), v.sha256))),
        files.bias(asked.bias) if asked.bias else None,
        files.calibration(asked.calibration) if asked.calibration else None,
        tuple(map(files.filter_run, asked.data)),
    )


def _inputs(asked: Asked, given: _Given, record: str, anchor: Anchor) -> Iterator[Input]:
    yield Input("remit", Path(asked.policy_file).name, asked.policy.digest)
    yield Input("evidence", Path(record).name, summary(anchor))
    yield from (Input("verification", v.name, v.sha256) for v in given.verifications)
    yield from (Input("filter run", run.name, run.head) for run in given.data)
    yield from (Input("earlier remit", name, policy.digest) for name, policy in asked.earlier)
    if given.bias:
        yield Input("bias", given.bias.name, given.bias.sha256)
    if given.calibration:
        yield Input("labels", given.calibration.name, given.calibration.sha256)


def summary(anchor: Anchor) -> str:
    """One hash for all heads: SHA-256 over lines, the database and each `writer:seq:hash`."""
    lines = [anchor.database, *(f"{h.writer}:{h.seq}:{h.hash}" for h in anchor.heads)]
    return sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()
