"""A run as a log that Inspect reads (`inspect view`, `read_eval_log`), sample by sample.

Inspect's JSON format, version 2 (UK AI Security Institute, inspect_ai/log). A violation is an
incorrect sample, an undecided one gives no answer. Its sums are over samples; the numbers that
may be quoted, per seed with bounds, are in `results.metadata`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from remit.types import Json, Message
from remit.verify.cases import Grade
from remit.verify.outputs.document import document
from remit.verify.records import Done, Sample, encodable, read
from remit.verify.verification import Verification

_VALUES = {"violated": "I", "held": "C", "undecided": "N"}
_SCORER = "remit"
_STOPS = {"stop": "stop", "length": "max_tokens", "tool_calls": "tool_calls"}


def inspect_log(verification: Verification, record: str | None) -> Iterator[bytes]:
    """The log in parts. Samples come from the record; without one only the worst are there."""
    head = orjson.dumps(encodable(_head(verification))).removesuffix(b"}")
    yield head + b',"samples":['
    comma = b""
    for sample in _samples(verification, record):
        yield comma + orjson.dumps(encodable(_sample(sample)))
        comma = b","
    yield b"]}\n"


def _samples(verification: Verification, record: str | None) -> Iterator[Sample]:
    if record is not None:
        seen: dict[str, Done] = {}
        for sample in read(record):
            if seen.setdefault(sample.target, Done()).add(sample.number):
                yield sample
        return
    for target in verification.targets:
        yield from target.outcome.violations()


def _head(verification: Verification) -> Json:
    outcomes = [target.outcome for target in verification.targets]
    total = sum(outcome.samples for outcome in outcomes)
    held = document(verification)
    for target in held["targets"]:
        del target["seeds"]
    accuracy = _accuracy(verification)
    spec: Json = {
        "created": verification.started,
        "task": "remit_verify",
        "task_version": verification.policy.digest[:12],
        "task_args": {"policy": verification.policy.digest, "seed": verification.seed},
        "dataset": {"name": verification.suites.digest[:12], "samples": verification.suites.cases},
        "model": ", ".join(target.name for target in verification.targets),
        "config": {"epochs": verification.repeats},
        "packages": {"remit": verification.remit_version},
    }
    score = {
        "name": _SCORER,
        "scorer": _SCORER,
        "metrics": {"accuracy": {"name": "accuracy", "value": accuracy}},
    }
    completed = total - sum(outcome.failed for outcome in outcomes)
    results: Json = {"total_samples": total, "completed_samples": completed}
    return {
        "version": 2,
        "status": "cancelled" if verification.stopped else "success",
        "eval": spec,
        "plan": {"name": "plan", "steps": []},
        "results": {**results, "scores": [score], "metadata": held},
        "stats": {"started_at": verification.started, "completed_at": verification.started},
    }


def _accuracy(verification: Verification) -> float:
    """Over seeds of ordinary traffic: the share that is known to have held."""
    found = [line for t in verification.targets for line in t.lines if line.measure == "violations"]
    seeds = sum(line.n for line in found)
    return sum(line.n - line.failed - line.unknown for line in found) / seeds if seeds else 0.0


def _sample(sample: Sample) -> Json:
    case, played, grade = sample.case, sample.transcript, sample.grade
    messages = [_message(message, i) for i, message in enumerate(played.messages)]
    reply = played.replies[-1] if played.replies else ""
    value: Json = {
        "id": f"{sample.target}/{case.id}",
        "epoch": sample.repeat + 1,
        "input": [_message(m, i) for i, m in enumerate(case.opening)]
        + [{"role": "user", "content": turn} for turn in case.turns],
        "target": "held",
        "messages": messages,
        "output": _output(sample, reply),
        "scores": {_SCORER: _score(grade, reply)},
        "metadata": {
            "target": sample.target,
            "rule": case.rule,
            "seed": case.seed,
            "aim": case.aim,
            "suite": case.suite,
            "attack": case.attack,
            "language": case.language,
            "finish": played.finish,
        },
        "total_time": played.seconds,
    }
    if played.error:
        value["error"] = {"message": played.error, "traceback": "", "traceback_ansi": ""}
    return value


def _output(sample: Sample, reply: str) -> Json:
    played = sample.transcript
    usage = {"input_tokens": played.tokens_in, "output_tokens": played.tokens_out}
    usage["total_tokens"] = played.tokens_in + played.tokens_out
    choice = {
        "message": {"role": "assistant", "content": reply},
        "stop_reason": _STOPS.get(played.finish, "content_filter" if reply else "unknown"),
    }
    return {"model": played.served_by or sample.target, "choices": [choice], "usage": usage}


def _score(grade: Grade, reply: str) -> Json:
    return {
        "value": _VALUES[grade.label],
        "answer": reply,
        "explanation": grade.reason,
        "metadata": {
            "label": grade.label,
            "refusal": grade.refusal,
            "by": grade.by,
            "probability": grade.score,
        },
    }


def _message(message: Message, number: int) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role
    value: dict[str, Any] = {"role": role, "content": message.text}
    if role == "tool":
        value |= {"function": message.name or "lookup", "tool_call_id": f"call_{number}"}
    return value
