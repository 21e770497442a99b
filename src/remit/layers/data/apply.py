"""What the marks of a row come to: the row as it leaves, or why it does not.

The gravest mark decides whether a row leaves at all. All milder marks are carried out beside it,
so a row may be redacted for one rule, masked for a second and tagged for a third:

- drop: nothing leaves.
- rewrite: nothing leaves here; `rewrite.rewritten` asks a model. Without one the row is set aside
  for a run that has one, because to let it pass with a tag would be milder than its owner asked.
- redact: `[label]` stands in the place of each span, in the guard's words. Where a step asks for
  it and names no span, nothing could be masked: the row is dropped.
- mask: the text stays, and the column `mask_spans` says what counts for nothing in the loss.
- tag: the column `remit` holds the ids of the rules; with `Shape.prefix` each document or reply
  begins with a control token too (Korbak et al. 2023, arXiv:2302.08582).
- counter: the row stays, and one that shows the wished-for reply is added.

`mask_spans` is a list of `{"path", "start", "end"}`: a JSON Pointer to a text of the row as it
leaves, and the characters (code points, end exclusive) in it; of a tool call's arguments that are
no text but an object, in its compact JSON. A
trainer maps them on tokens with `loss_weights` and the tokenizer's offsets, as TRL's
`completion_mask` and `assistant_masks` are: 1 counts, 0 does not. A column stands only in rows
that need it, so that an untouched row leaves byte for byte as it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remit.layers.data.calls import as_written, unwritten
from remit.layers.data.counter import counter
from remit.layers.data.edits import Cut, Edited, is_json, redacted, redacted_json
from remit.layers.data.places import found, pointer, replaced
from remit.layers.data.rows import WHOLE_ROW, Mark, Row, Segment, Way
from remit.policy import Policy
from remit.policy.answers import answer_text, language_of
from remit.types import Action, Json, Span, merge_spans

_ARGUMENTS = ("arguments", "input", "args")


@dataclass(frozen=True, slots=True)
class Shape:
    """How changes are written.

    `prefix` are the control tokens of a good and a bad text, such as ("<|good|>", "<|bad|>");
    `policy` gives the answers for counter-examples. The columns are the remit's: a row that has
    one of these names already and no list in it is set aside.
    """

    policy: Policy | None = None
    prefix: tuple[str, str] | None = None
    tags: str = "remit"
    masks: str = "mask_spans"
    added: str = "remit_counter"


PLAIN = Shape()
"""No control tokens and no counter-examples."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What leaves: the row itself (untouched), a changed value, none; counter-examples follow.

    `aside` says why a row is set aside (quarantined); `notes` what could not be done beside.
    """

    way: Way
    rows: tuple[Row | Json, ...] = ()
    aside: str = ""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Draft:
    """A row on its way to what it becomes."""

    row: Row
    shape: Shape
    value: Json
    edits: dict[int, Edited] = field(default_factory=dict)


def apply(row: Row, marks: Sequence[Mark], shape: Shape = PLAIN) -> Applied:
    """What a row becomes. Pure: the same row and marks give the same outcome."""
    way = max((mark.way for mark in marks), default=Way.KEEP)
    if way is Way.DROP or any(m.way is Way.REDACT and not m.spans for m in marks):
        return Applied(Way.DROP)
    if way is Way.REWRITE:
        rules = ", ".join(dict.fromkeys(m.step for m in marks if m.way is Way.REWRITE))
        return Applied(way, aside=f"{rules} wants it rewritten, and no model was given")
    said, marks = as_written(row, marks)
    draft = _Draft(said, shape, row.value)
    if (refused := _redact(draft, marks)) or (refused := _taken(draft, marks)):
        return Applied(way, aside=refused)
    _prefix(draft, marks)
    _mask(draft, marks)
    _tag(draft, marks)
    kept: Row | Json = row if draft.value is row.value else draft.value
    added, notes = _counters(draft, marks)
    return Applied(way, (kept, *added), "", notes)


def _redact(draft: _Draft, marks: Sequence[Mark]) -> str:
    """Takes the spans out; answers why that could not be done."""
    spans: dict[int, list[Span]] = {}
    for mark in marks:
        if mark.way is Way.REDACT:
            spans.setdefault(mark.segment, []).extend(mark.spans)
    for index, mine in sorted(spans.items()):
        segment = draft.row.segments[index]
        change = _cut(segment, mine)
        if change is None:
            return f"{pointer(segment.path)} cannot be redacted and stay JSON"
        draft.edits[index] = change
        new = unwritten(found(draft.value, segment.path), change.text)
        draft.value = replaced(draft.value, segment.path, new)
    return ""


def _cut(segment: Segment, spans: Sequence[Span]) -> Edited | None:
    if segment.path[-1] in _ARGUMENTS and is_json(segment.text):
        return redacted_json(segment.text, spans)
    return redacted(segment.text, spans)


def _taken(draft: _Draft, marks: Sequence[Mark]) -> str:
    """Why a column of ours cannot be written; empty where it can."""
    columns = {Way.TAG: draft.shape.tags, Way.MASK: draft.shape.masks}
    for way, column in columns.items():
        if not isinstance(draft.value.get(column, []), list) and any(m.way is way for m in marks):
            return f"the row has a column {column} of its own; name another in Shape"
    return ""


def _prefix(draft: _Draft, marks: Sequence[Mark]) -> None:
    """Control tokens before each document and each reply of the assistant's."""
    if draft.shape.prefix is None:
        return
    good, bad = draft.shape.prefix
    tagged = {mark.segment for mark in marks if mark.way is Way.TAG}
    begun: dict[tuple[str | int, ...], list[int]] = {}
    for index, segment in enumerate(draft.row.segments):
        if segment.role in ("document", "assistant"):
            begun.setdefault(segment.path[:2], []).append(index)
    for places in begun.values():
        token = bad if WHOLE_ROW in tagged or tagged.intersection(places) else good
        first = places[0]
        segment, before = draft.row.segments[first], draft.edits.get(first)
        text = before.text if before else segment.text
        draft.edits[first] = _led(before, token, text)
        draft.value = replaced(draft.value, segment.path, token + text)


def _led(before: Edited | None, token: str, text: str) -> Edited:
    return Edited(token + text, (Cut(0, 0, token), *(before.cuts if before else ())))


def _mask(draft: _Draft, marks: Sequence[Mark]) -> None:
    spans: dict[int, list[Span]] = {}
    for mark in marks:
        if mark.way is Way.MASK:
            every = range(len(draft.row.segments))
            for index in every if mark.segment == WHOLE_ROW else [mark.segment]:
                whole = Span(0, len(draft.row.segments[index].text))
                spans.setdefault(index, []).extend(mark.spans or (whole,))
    entries = []
    for index, mine in sorted(spans.items()):
        segment = draft.row.segments[index]
        edit = draft.edits.get(index, Edited(segment.text))
        for span in merge_spans(map(edit.moved, merge_spans(mine))):
            path = pointer(segment.path)
            entries.append({"path": path, "start": span.start, "end": span.end})
    if entries:
        _column(draft, draft.shape.masks, entries)


def _tag(draft: _Draft, marks: Sequence[Mark]) -> None:
    rules = list(dict.fromkeys(mark.step for mark in marks if mark.way is Way.TAG))
    if rules:
        _column(draft, draft.shape.tags, rules)


def _column(draft: _Draft, name: str, entries: Sequence[object]) -> None:
    had = draft.value.get(name, [])
    draft.value = {**draft.value, name: [*had, *(one for one in entries if one not in had)]}


def _counters(draft: _Draft, marks: Sequence[Mark]) -> tuple[tuple[Json, ...], tuple[str, ...]]:
    """One row for each rule and text that asks for it, and what could not be made."""
    added: list[Json] = []
    notes: dict[str, None] = {}
    for mark in marks:
        if mark.way is not Way.COUNTER:
            continue
        made = _counter(draft, mark)
        if isinstance(made, str):
            notes[f"{mark.step}: {made}"] = None
        elif made not in added:
            added.append(made)
    return tuple(added), tuple(notes)


def _counter(draft: _Draft, mark: Mark) -> Json | str:
    policy = draft.shape.policy
    if policy is None:
        return "no counter-example: no policy was given to take the answer from"
    if mark.segment == WHOLE_ROW:
        return "no counter-example: the mark names no text"
    segment = draft.row.segments[mark.segment]
    languages = policy.assistant.languages if policy.assistant else ("en",)
    language = language_of(segment.text, languages)
    words = answer_text(policy, policy.rule(mark.step), Action.REPLACE, language)
    made = counter(draft.value, segment.path, segment.role, words)
    if isinstance(made, str):
        return made
    ours = (draft.shape.tags, draft.shape.masks)
    clean = {key: item for key, item in made.items() if key not in ours or key in draft.row.value}
    return {**clean, draft.shape.added: mark.step}


def loss_weights(
    spans: Sequence[Mapping[str, object]], path: str, offsets: Sequence[tuple[int, int]]
) -> list[int]:
    """For each token 1 where it counts in the loss and 0 where it touches a masked span.

    `spans` is a row's `mask_spans`, `path` the pointer of the text that was tokenized, `offsets`
    its tokens' characters (a tokenizer's `offset_mapping`). A token of no characters counts.
    """
    mine = [(span["start"], span["end"]) for span in spans if span["path"] == path]
    return [
        int(not any(start < last and end > first for first, last in mine))  # type: ignore[operator]
        for start, end in offsets
    ]
