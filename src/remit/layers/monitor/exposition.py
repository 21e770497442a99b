"""The monitor's numbers in Prometheus' text format (version 0.0.4), by rule.

All of them are read from the record, so that every worker tells the same. A rule's id is a label;
nothing that stands for a client is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from remit.evidence import Evidence, stamp
from remit.layers.monitor.interventions import Intervention, read_interventions
from remit.layers.monitor.overview import Overview, RuleOverview
from remit.layers.monitor.standing import standing
from remit.policy import Policy

METRICS: Final = {
    "remit_rule_standing": "1 for what a rule does now: holding, unsure or broken.",
    "remit_rule_violation_rate": "Violations that reached clients, a share of conversations.",
    "remit_rule_violation_rate_low": "Lower end of its 95 % interval, valid at every look.",
    "remit_rule_violation_rate_high": "Upper end of its 95 % interval, valid at every look.",
    "remit_rule_tolerance": "The rate that the remit tolerates.",
    "remit_rule_exceeded": "Evidence that the tolerance is exceeded, a share of what alarms.",
    "remit_rule_changed": "Evidence that the rate has risen, a share of what alarms.",
    "remit_rule_alarm": "1 while an alarm of the rule stands.",
    "remit_rule_judged": "Conversations of this epoch that were judged.",
    "remit_rule_unjudged_share": "Of those that should have been judged, the share that was not.",
    "remit_rule_overblocked_rate": "Of the cases that people reviewed, those released unchanged.",
    "remit_drift_moved": "1 for a quantity of traffic or answers that has moved.",
    "remit_interventions_active": "Interventions in force, by kind.",
    "remit_cases_open": "Cases that wait for a person, by kind.",
    "remit_cases_overdue": "Cases that nobody answered in time, by kind.",
    "remit_monitor_followed_seconds": "When the newest entry that is counted was written.",
}
"""Every metric, and what it tells. All are gauges."""

_STANDINGS: Final = ("holding", "unsure", "broken")
Sample = tuple[str, dict[str, str], float]


def exposition(evidence: Evidence, policies: Sequence[Policy], now: str | None = None) -> bytes:
    """The page for a scraper. Raises EvidenceError."""
    moment = now or stamp()
    samples: list[Sample] = []
    for policy in policies:
        samples += _of_remit(standing(evidence, policy, moment, back=1))
    samples += _of_interventions(read_interventions(evidence, active=True), moment)
    samples += _of_cases(evidence, moment)
    return written(samples)


def written(samples: Sequence[Sample]) -> bytes:
    """Samples with their heads, a metric's together, as the format wants it."""
    lines = []
    for name, words in METRICS.items():
        found = [(labels, value) for metric, labels, value in samples if metric == name]
        if found:
            lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
            lines += [f"{name}{_labels(labels)} {value:.12g}" for labels, value in found]
    return ("\n".join(lines) + "\n").encode() if lines else b""


def _of_remit(overview: Overview) -> Iterator[Sample]:
    remit = {"policy": overview.policy[:16]}
    if overview.followed:
        followed = datetime.fromisoformat(overview.followed).timestamp()
        yield "remit_monitor_followed_seconds", remit, followed
    for rule in overview.rules:
        yield from _of_rule(rule, {"rule": rule.rule, **remit})
    for drift in overview.drift:
        labels = {"quantity": drift.quantity, "side": drift.side, **remit}
        yield "remit_drift_moved", labels, float(bool(drift.moved))


def _of_rule(rule: RuleOverview, labels: dict[str, str]) -> Iterator[Sample]:
    for word in _STANDINGS:
        labelled = {**labels, "standing": word}
        yield "remit_rule_standing", labelled, float(rule.standing == word)
    yield "remit_rule_tolerance", labels, rule.limit
    yield "remit_rule_exceeded", labels, rule.exceeded
    yield "remit_rule_changed", labels, rule.changed
    yield "remit_rule_alarm", labels, float(rule.alarm is not None)
    yield "remit_rule_judged", labels, rule.reached.n
    yield "remit_rule_unjudged_share", labels, rule.sample.gaps
    if rule.reached.rate is not None:
        yield "remit_rule_violation_rate", labels, rule.reached.rate
        yield "remit_rule_violation_rate_low", labels, rule.reached.low
        yield "remit_rule_violation_rate_high", labels, rule.reached.high
    if rule.overblocked.rate is not None:
        yield "remit_rule_overblocked_rate", labels, rule.overblocked.rate


def _of_interventions(active: Sequence[Intervention], now: str) -> Iterator[Sample]:
    kinds = Counter(one.kind.value for one in active if one.in_force(now))
    for kind, count in sorted(kinds.items()):
        yield "remit_interventions_active", {"kind": kind}, count


def _of_cases(evidence: Evidence, now: str) -> Iterator[Sample]:
    rows = evidence.rows(
        "SELECT kind, count(*), sum(CASE WHEN due < ? THEN 1 ELSE 0 END) FROM cases"
        " WHERE state = 'open' GROUP BY kind ORDER BY kind",
        (now,),
    )
    for kind, count, late in rows:
        yield "remit_cases_open", {"kind": str(kind)}, float(count)
        yield "remit_cases_overdue", {"kind": str(kind)}, float(late)


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    escaped = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for name, value in labels.items()
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"
