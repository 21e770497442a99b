"""Counters in the Prometheus text format (version 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from remit import __version__
from remit.layers.guard import Log
from remit.types import Action

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """What one worker counted since it started."""

    def __init__(self, worker: int = 0) -> None:
        self._worker = worker
        self._requests: Counter[tuple[str, int]] = Counter()
        self._answers: Counter[str] = Counter()
        self._findings: Counter[tuple[str, str, str]] = Counter()
        self._failures: Counter[str] = Counter()
        self._times = [0] * (len(_BUCKETS) + 1)
        self._seconds = 0.0

    def request(self, path: str, status: int, seconds: float) -> None:
        """Counts a request; `seconds` until its answer began."""
        self._requests[path, status] += 1
        self._times[bisect_left(_BUCKETS, seconds)] += 1
        self._seconds += seconds

    def answer(self, log: Log) -> None:
        """Counts an answer and every rule that was broken or failed in it."""
        self._answers[log.action.word] += 1
        if log.error:
            self._failures[log.error.partition(":")[0]] += 1
        if log.action is Action.ALLOW:
            return
        for _, verdict in log.verdicts:
            for rule, result in verdict.rules.items():
                if result.action > Action.ALLOW:
                    self._findings[rule, verdict.stage.value, result.action.word] += 1

    def text(self) -> bytes:
        """The page for a scraper."""
        worker = f'worker="{self._worker}"'
        lines = [
            "# TYPE remit_build_info gauge",
            f'remit_build_info{{version="{__version__}",{worker}}} 1',
            "# HELP remit_requests_total HTTP requests by path and status.",
            "# TYPE remit_requests_total counter",
        ]
        for (path, status), count in sorted(self._requests.items()):
            lines.append(
                f'remit_requests_total{{path="{path}",status="{status}",{worker}}} {count}'
            )
        lines += [
            "# HELP remit_answers_total Answers by the most severe action taken.",
            "# TYPE remit_answers_total counter",
        ]
        for action, count in sorted(self._answers.items()):
            lines.append(f'remit_answers_total{{action="{action}",{worker}}} {count}')
        lines += [
            "# HELP remit_violations_total Rules broken, by stage and action.",
            "# TYPE remit_violations_total counter",
        ]
        for (rule, stage, action), count in sorted(self._findings.items()):
            labels = f'rule="{rule}",stage="{stage}",action="{action}",{worker}'
            lines.append(f"remit_violations_total{{{labels}}} {count}")
        lines += [
            "# HELP remit_errors_total Answers that could not be given whole, by kind.",
            "# TYPE remit_errors_total counter",
        ]
        for kind, count in sorted(self._failures.items()):
            lines.append(f'remit_errors_total{{kind="{_label(kind)}",{worker}}} {count}')
        lines += self._histogram(worker)
        return ("\n".join(lines) + "\n").encode()

    def _histogram(self, worker: str) -> list[str]:
        name = "remit_request_seconds"
        lines = [
            f"# HELP {name} Time until an answer began.",
            f"# TYPE {name} histogram",
        ]
        total = 0
        for bound, count in zip((*_BUCKETS, "+Inf"), self._times, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{bound}",{worker}}} {total}')
        return [
            *lines,
            f"{name}_sum{{{worker}}} {self._seconds:.6f}",
            f"{name}_count{{{worker}}} {total}",
        ]


def _label(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
