"""The remit's rules inside other people's pipelines: datatrove and Hugging Face `datasets`.

    LocalPipelineExecutor(pipeline=[JsonlReader(…), datatrove_step("remit.yaml"), JsonlWriter(…)])
    dataset.map(ForDatasets("remit.yaml", dataset.column_names), batched=True, …)

Both hold the text of the remit and compile it where they run, because compiled patterns cannot be
sent to another process. Neither writes a ledger: for accounts of every row, use `remit filter`.
What a rule wants rewritten, and what cannot be read, is left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from remit.enforce import compile_policy
from remit.layers.data.apply import PLAIN, Applied, Shape, apply
from remit.layers.data.rows import Mark, Row, Segment
from remit.layers.data.rules import RuleStep
from remit.layers.data.texts import UnreadableError, texts
from remit.policy import Loaded, loads
from remit.types import Json

_BATCH = 256


class Rules:
    """A remit that travels as text. `tagging` are the rules that may not drop (see `bounds`)."""

    def __init__(
        self,
        remit: str | Path,
        shape: Shape = PLAIN,
        tagging: Mapping[str, str] | None = None,
    ) -> None:
        """Reads the file `remit`. Raises PolicyError where it is refused."""
        self.text = Path(remit).read_text(encoding="utf-8")
        self.shape = shape
        self.tagging = dict(tagging or {})
        _ = self.loaded

    @cached_property
    def loaded(self) -> Loaded:
        """The remit, parsed."""
        return loads(self.text)

    @cached_property
    def step(self) -> RuleStep:
        """The rules, compiled in this process."""
        return RuleStep(compile_policy(self.loaded), self.tagging)

    def __getstate__(self) -> dict[str, Any]:
        return {"text": self.text, "shape": self.shape, "tagging": self.tagging}

    def applied(self, rows: Sequence[Row]) -> Iterator[tuple[Row, tuple[Mark, ...], Applied]]:
        """Each row with its marks and what becomes of it."""
        shape = self.shape
        if shape.policy is None:
            shape = Shape(self.loaded.policy, shape.prefix, shape.tags, shape.masks, shape.added)
        for row, marks in zip(rows, self.step.judge(rows), strict=True):
            yield row, marks, apply(row, marks, shape)


class ForDatasets:
    """A callable for `Dataset.map(…, batched=True, remove_columns=dataset.column_names)`.

    Rows may become fewer (dropped) or more (counter-examples). Every row that leaves has the same
    columns: the data set's own and those of `Shape`, so that the schema is one. A row that cannot
    be read raises UnreadableError: a mapping has nowhere to set it aside.
    """

    def __init__(
        self,
        remit: str | Path,
        columns: Sequence[str],
        shape: Shape = PLAIN,
        roles: Mapping[str, str] | None = None,
    ) -> None:
        """`columns` are the data set's; `roles` names further columns of text, with their roles."""
        self.rules = Rules(remit, shape)
        self.columns = tuple(columns)
        self.roles = dict(roles or {})

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """A batch by columns, as `datasets` gives it and takes it."""
        rows = list(self._rows(batch))
        shape = self.rules.shape
        ours = {shape.tags: [], shape.masks: [], shape.added: ""}
        out: dict[str, list[Any]] = {name: [] for name in (*self.columns, *ours)}
        for _, _, applied in self.rules.applied(rows):
            for left in applied.rows:
                value = left.value if isinstance(left, Row) else left
                for name, column in out.items():
                    column.append(value.get(name, ours.get(name)))
        return out

    def _rows(self, batch: Mapping[str, Sequence[Any]]) -> Iterator[Row]:
        count = len(next(iter(batch.values()), ()))
        for number in range(count):
            value = {name: column[number] for name, column in batch.items()}
            yield Row("", number, b"", value, texts(value, self.roles))


def datatrove_step(remit: str | Path, shape: Shape = PLAIN) -> Any:
    """A datatrove `PipelineStep` that drops and changes documents by the remit's rules.

    A document is judged by its text, with `metadata["messages"]` left as it is: datatrove knows
    texts, not conversations. Tags and masks go into the metadata. Raises ImportError, naming the
    cure, where datatrove is not installed.
    """
    try:
        base: Any = import_module("datatrove.pipeline.base").PipelineStep
    except ImportError as error:
        raise ImportError("this step needs datatrove: pip install datatrove") from error

    class RemitRules(base):  # type: ignore[misc]  # known only here
        """Keeps documents to the remit."""

        name = "Remit rules"
        type = "🔻 - FILTER"

        def __init__(self) -> None:
            super().__init__()
            self.rules = Rules(remit, shape)

        def run(self, data: Iterable[Any] | None, rank: int = 0, world_size: int = 1) -> Any:
            """Documents that may be learnt from, in order."""
            documents = iter(data or ())
            while batch := list(islice(documents, _BATCH)):
                rows = [_row(number, document.text) for number, document in enumerate(batch)]
                for document, (_, marks, applied) in zip(
                    batch, self.rules.applied(rows), strict=True
                ):
                    counts = Counter(f"{mark.step}_{mark.way.name.lower()}" for mark in marks)
                    for what, count in counts.items():
                        self.stat_update(what, value=count)
                    self.stat_update("forwarded" if applied.rows else "dropped")
                    if applied.rows:
                        yield _changed(document, applied)

    return RemitRules()


def _row(number: int, text: str) -> Row:
    return Row("", number, b"", {"text": text}, (Segment("document", ("text",), text),))


def _changed(document: Any, applied: Applied) -> Any:
    first = applied.rows[0]
    if not isinstance(first, Row):
        changed: Json = dict(first)
        document.text = changed.pop("text")
        document.metadata.update(changed)
    return document


__all__ = ["ForDatasets", "Rules", "UnreadableError", "datatrove_step"]
