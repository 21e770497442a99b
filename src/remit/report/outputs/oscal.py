"""The claims as OSCAL assessment results (NIST, model version 1.1.3), for tools of auditors.

Each rule is a control `rule-ID`, each claim an observation, each input a resource with its hash. A
finding is written only where a verification decided: `satisfied` where the rule is shown to hold,
`not-satisfied` where it is shown not to. A rule that is not verified has no finding, since OSCAL
has no third state, and to leave out is not to pass. Identifiers are UUIDs of version 5 (RFC 9562)
made from content, so that the same report has the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any, Final
from uuid import UUID, uuid5

from remit.report import words
from remit.report.document import Claim, Claims, Report, Section

VERSION: Final = "1.1.3"
_SPACE: Final = UUID("6f1c3f0e-3d39-5f0a-9a0e-52454d495400")
_NS: Final = "urn:remit:oscal"
_MEASURED: Final = ("verification", "attacks")
_EPOCH: Final = "1970-01-01T00:00:00Z"


def document(report: Report) -> dict[str, Any]:
    """The report as the JSON values of an OSCAL assessment-results document."""
    resources = [_resource(report, one.kind, one.name, one.sha256) for one in report.inputs]
    at = _time(report.at)
    return {
        "assessment-results": {
            "uuid": _id(report, "results"),
            "metadata": {
                "title": f"Evidence pack: {_line(report.organisation)}",
                "last-modified": at,
                "version": report.policy[:12],
                "oscal-version": VERSION,
                "props": [_prop("remit-version", report.remit_version)],
            },
            # The remit is the plan: it says what is to hold, and how it is tested.
            "import-ap": {"href": f"#{resources[0]['uuid']}"},
            "results": [_result(report, at)],
            "back-matter": {"resources": resources},
        }
    }


def _result(report: Report, at: str) -> dict[str, Any]:
    claims = list(_claims(report))
    rules = dict.fromkeys(held.rule for held in report.front.rules)
    selection: dict[str, Any] = {"include-all": {}}
    if rules:
        selection = {"include-controls": [{"control-id": f"rule-{rule}"} for rule in rules]}
    value: dict[str, Any] = {
        "uuid": _id(report, "result"),
        "title": "What was measured, and what the record shows",
        "description": _line(report.front.sentence),
        "start": _time(report.since),
        "end": at,
        "reviewed-controls": {"control-selections": [selection]},
    }
    found = [_observation(report, n, *both, at) for n, both in enumerate(claims)]
    if found:
        value["observations"] = found
    ids = {claim: one["uuid"] for (_, claim), one in zip(claims, found, strict=True)}
    findings = [
        _finding(report, held.claim, ids[held.claim])
        for held in report.front.rules
        if held.claim is not None and held.claim.sign in ("good", "bad")
    ]
    if findings:
        value["findings"] = findings
    return value


def _claims(report: Report) -> Iterator[tuple[Section, Claim]]:
    for section in report.sections:
        for block in section.blocks:
            if isinstance(block, Claims):
                for claim in block.claims:
                    yield section, claim


def _observation(
    report: Report, number: int, section: Section, claim: Claim, at: str
) -> dict[str, Any]:
    props = [
        _prop("rule", claim.rule),
        _prop("owner", claim.owner),
        _prop("measure", claim.measure),
        _prop("failed", str(claim.failed)),
        _prop("n", f"{claim.n} {claim.unit}"),
        _prop("unknown", str(claim.unknown)),
        _prop("method", claim.method),
        _prop("confidence", f"{claim.confidence:g}"),
        _prop("epoch", claim.epoch),
        _prop("verdict", claim.verdict),
        _prop("artefact-sha256", claim.artefact),
    ]
    shares = (
        ("rate", claim.rate),
        ("low", claim.low),
        ("high", claim.high),
        ("limit", claim.limit),
    )
    props += [_prop(name, f"{share:.6g}") for name, share in shares if share is not None]
    return {
        "uuid": _id(report, "observation", str(number), *map(str, astuple(claim))),
        "title": f"{_line(claim.measure)}: {_line(claim.rule)}",
        "description": f"{claim.failed} of {claim.n} {claim.unit}: {_line(claim.verdict)}",
        "props": props,
        "methods": ["TEST" if section.id in _MEASURED else "EXAMINE"],
        "types": ["control-objective"],
        "collected": at,
    }


def _finding(report: Report, claim: Claim, observation: str) -> dict[str, Any]:
    holds = claim.sign == "good"
    bounds = "" if claim.low is None or claim.high is None else words.between(claim.low, claim.high)
    return {
        "uuid": _id(report, "finding", *map(str, astuple(claim))),
        "title": f"{_line(claim.rule)} {_line(claim.verdict)}",
        "description": f"{claim.failed} of {claim.n} {claim.unit} failed; {bounds}.",
        "target": {
            "type": "objective-id",
            "target-id": f"rule-{claim.rule}",
            "status": {
                "state": "satisfied" if holds else "not-satisfied",
                "reason": "pass" if holds else "fail",
            },
        },
        "related-observations": [{"observation-uuid": observation}],
    }


def _resource(report: Report, kind: str, name: str, sha256: str) -> dict[str, Any]:
    return {
        "uuid": _id(report, "resource", kind, name, sha256),
        "title": f"{kind}: {_line(name)}",
        "props": [_prop("sha256", sha256)],
    }


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": _NS, "value": _line(value)}


def _line(text: str) -> str:
    """OSCAL's strings are one line with no space around, and are never empty."""
    return words.plain(text) or "none"


def _time(text: str) -> str:
    """A time with its zone. Days get midnight, so that a period's ends can be dates."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return f"{text}T00:00:00Z"
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", text):
        return f"{text[:-1]}:00Z"
    return text if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text) else _EPOCH


def _id(report: Report, *parts: str) -> str:
    whole = "\0".join((report.policy, report.at, report.since, report.until, *parts))
    return str(uuid5(_SPACE, whole.encode("utf-8", "replace").decode()))
