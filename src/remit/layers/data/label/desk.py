"""The sampled rows on a desk, and what each person has said of them; one writer at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from remit.layers.data import ledger
from remit.layers.data.card.labels import NAME, Label, append, read
from remit.layers.data.card.measures import MEASURES, sampled
from remit.layers.data.label.originals import Gone, Originals, Shown
from remit.types import Json

_LONGEST_NOTE = 2_000


@dataclass(frozen=True, slots=True)
class ItemView:
    """One row for one person. `place` counts from 0; `done` of `total` are labelled.

    `about` is the rule or step; `earlier` what this person said of the row before.
    """

    item: Json
    about: Json
    shown: Shown
    rater: str
    place: int
    done: int
    total: int
    earlier: Label | None
    steps: tuple[tuple[str, int, int, int], ...]

    @property
    def gone(self) -> str:
        """Why the row cannot be shown; empty where it can."""
        return self.shown.reason if isinstance(self.shown, Gone) else ""


class Desk:
    """The sample of a run. `steps` are those to look at; none means all."""

    def __init__(self, folder: Path, inputs: Sequence[str] = (), steps: Sequence[str] = ()) -> None:
        """Raises LedgerError, SourceError, or LabelFileError where something cannot be read."""
        self._lock = threading.Lock()
        self._originals = Originals(folder, inputs)
        self._labels = folder / NAME
        self._policy = next(iter(ledger.read(folder)))["policy"]
        try:
            measures = orjson.loads((folder / MEASURES).read_bytes())
        except FileNotFoundError:
            raise ledger.LedgerError(f"{folder}: was filtered without a sample") from None
        about = [*measures["rules"], *measures["steps"]]
        self._about: dict[str, Json] = {step["id"]: step for step in about}
        order = {step: place for place, step in enumerate(self._about)}
        self._items: list[Json] = sorted(
            (item for item in sampled(folder) if not steps or item["step"] in steps),
            key=lambda item: (
                "step" not in item["drawn"],  # what bounds are computed from comes first
                order.get(item["step"], len(order)),
                item["step"],
                item["order"],
            ),
        )
        self._said = {(x.sample, x.rule, x.row, x.rater): x for x in read(self._labels)}

    def __len__(self) -> int:
        return len(self._items)

    def view(self, rater: str, place: int) -> ItemView | None:
        """A row as this person sees it; None where there is no such place."""
        if not 0 <= place < len(self._items):
            return None
        item = self._items[place]
        with self._lock:
            shown = self._originals.show(item, self._items)
        done = self._done(rater)
        about = self._about.get(item["step"], {"id": item["step"], "kind": "other"})
        earlier = self._said.get(_key(item, rater))
        return ItemView(
            item, about, shown, rater, place, sum(done), len(done), earlier, self._steps(done)
        )

    def next(self, rater: str, after: int = -1) -> int | None:
        """The first row from `after` on that this person has not labelled, else any; or None."""
        done = self._done(rater)
        left = [place for place, labelled in enumerate(done) if not labelled]
        return next((place for place in left if place > after), left[0] if left else None)

    def add(self, rater: str, place: int, *, right: bool | None, note: str) -> None:
        """Writes a label. Raises IndexError for a row that is not there, and OSError."""
        if place < 0:
            raise IndexError(place)
        item = self._items[place]
        label = Label(
            rule=item["step"],
            row=item["sha256"],
            right=right,
            sample=item["sample"],
            drawn=tuple(item["drawn"]),
            language=item["language"],
            rater=rater,
            note=note[:_LONGEST_NOTE],
            policy=self._policy,
            at=round(time.time(), 3),
        )
        with self._lock:
            append(self._labels, label)
            self._said[_key(item, rater)] = label

    def _done(self, rater: str) -> list[bool]:
        return [_key(item, rater) in self._said for item in self._items]

    def _steps(self, done: Sequence[bool]) -> tuple[tuple[str, int, int, int], ...]:
        """Each step with its first place, how many of its rows are labelled, and how many are."""
        found: dict[str, list[int]] = {}
        for place, (item, labelled) in enumerate(zip(self._items, done, strict=True)):
            counts = found.setdefault(item["step"], [place, 0, 0])
            counts[1] += labelled
            counts[2] += 1
        return tuple((step, *counts) for step, counts in found.items())  # type: ignore[misc]


def _key(item: Json, rater: str) -> tuple[str, str, str, str]:
    return item["sample"], item["step"], item["sha256"], rater
