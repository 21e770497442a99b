"""Records and files as the rest of Remit leaves them, as far as a report reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remit.evidence import Evidence, new_id
from remit.policy import Policy
from remit.report import Report

Make = Callable[..., Report]


def start(policy: Policy, time: str) -> dict[str, Any]:
    """What `remit serve` records when it starts."""
    text = policy.model_dump(mode="json")
    return {
        "id": new_id(),
        "time": time,
        "kind": "start",
        "policy": policy.digest,
        "policy_text": text,
    }


def answer(time: str, **more: Any) -> dict[str, Any]:
    """An answer as the guard records it, as far as a report reads it."""
    output = {"checked": True, "rules": ["no-advice", "no-guess"], "texts": 1}
    channels = {"input": {"checked": True, "rules": ["no-advice"], "texts": 1}, "output": output}
    base = {"id": new_id(), "time": time, "kind": "answer", "action": "allow", "model": "model-1"}
    return {**base, "channels": channels, "findings": [], "answered": "In May.", **more}


def finding(rule: str, action: str, **more: Any) -> dict[str, Any]:
    return {"stage": "output", "rule": rule, "action": action, "failure": None, **more}


def keep(path: Path, *records: dict[str, Any]) -> Path:
    with Evidence.open(path, writer="w") as evidence:
        for one in records:
            evidence.append_sync(one)
    return path


def settle(path: Path, who: str) -> None:
    """Answers the first open case."""
    with Evidence.open(path, writer="v") as evidence:
        asyncio.run(evidence.answer_case(evidence.cases("open")[0].id, "Called.", who))


def line(rule: str, measure: str, decision: str, **more: Any) -> dict[str, Any]:
    base = {"rule": rule, "measure": measure, "seeds": 299, "failed": 0, "unknown": 0}
    bounds = {"rate": 0.0, "interval": [0.0, 0.00997], "confidence": 0.95, "limit": 0.01}
    told = {"method": "Clopper-Pearson, one-sided each", "attempts": 0, "needed": 0}
    return {**base, **bounds, **told, "decision": decision, **more}


def verification(path: Path, digest: str, lines: list[dict[str, Any]], **more: Any) -> str:
    """A file as `remit verify --json` writes it."""
    target = {"name": "house", "layers": ["prompt", "guard"], "samples": 10, "rules": lines}
    value = {
        "remit-verification": 1,
        "policy": digest,
        "suites": {"digest": "5" * 64, "cases": 10},
        "started": "2026-01-03T00:00:00+00:00",
        "decision": "pass",
        "targets": [target],
        **more,
    }
    path.write_text(json.dumps(value), "utf-8")
    return str(path)
