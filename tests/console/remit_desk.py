"""A firm whose remit can change: its console follows the store; real answers are on record."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from firm import ROOT, Scene

from remit.console import Live
from remit.http.server import serve
from remit.layers.guard import Guard, Log
from remit.policy import loads
from remit.types import Message

TEXT = (ROOT / "examples/accounting/remit.yaml").read_text()
RULE = "no-legal-advice"
ASKED = (
    "When is my VAT return due?",
    "Is my van a fixed asset?",
    "My IBAN is NL91ABNA0417164300. Where do I send the invoice?",
)
SAID = (
    "Your return is due on 7 May.",
    "You can sue him; the contract is void.",
    "A van is a fixed asset.",
)


@cache
def guard() -> Guard:
    """The example's guard, compiled once."""
    return Guard.load(ROOT / "examples/accounting/remit.yaml")


def follow(scene: Scene) -> None:
    """Lets the console's live remit be the one that the store says is live, as a gateway does."""

    def live() -> Live:
        rows = scene.evidence.rows("SELECT text FROM remits WHERE state = 'live'")
        text = rows[0][0] if rows else TEXT
        return Live(loads(text).policy, text)

    object.__setattr__(scene.console.desk, "live", live)


def answered(asked: str, said: str, under: Guard | None = None) -> tuple[Log, tuple[Message, ...]]:
    """An answer as the gateway makes it: judged coming in and going out."""
    under = under or guard()
    log, turns = Log(under.enforcer), (Message("user", asked),)
    given = under.input(turns)
    for index, verdict in given.judged.items():
        log.note(index, verdict)
    if given.answer is not None:
        log.delivered, log.complete = [given.answer], False
        return log, turns
    guarded = under.output((*turns, Message("assistant", said)))
    log.note(len(turns), guarded.verdict)
    log.delivered, log.marks, log.complete = [guarded.text], guarded.marks, guarded.complete
    log.drafts = [] if guarded.complete else [said]
    return log, turns


def record(asked: str, said: str, under: Guard | None = None) -> dict[str, Any]:
    """The record of such an answer."""
    log, turns = answered(asked, said, under)
    return log.record(turns, "answer" if log.drafts or log.complete else "refusal")


def traffic(scene: Scene, count: int, asked: Sequence[str] = ASKED) -> None:
    """So many answers in the record, every pair of question and answer in turn."""
    for number in range(count):
        log, turns = answered(asked[number % len(asked)], SAID[number // len(asked) % len(SAID)])
        scene.evidence.append_sync(log.record(turns), case=log.case)


@contextmanager
def served(scene: Scene) -> Iterator[str]:
    """The console on a free port of the loopback, in a thread of its own; gives its address."""
    ready, stop = threading.Event(), threading.Event()
    address: list[str] = []

    async def run() -> None:
        async with await serve(scene.console) as server:
            address.append(f"http://127.0.0.1:{server.port}")
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield address[0]
    finally:
        stop.set()
        thread.join()
