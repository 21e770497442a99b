"""C4's filter: Raffel et al. 2020, JMLR 21(140), section 2.2. Line by line; the lines that fail go.

Parameters, order of the tests and arithmetic are those of datatrove 0.10.1 (`C4QualityFilter`),
which has two tests of the authors' code beside the paper's: words of over 1,000 characters, and
phrases of cookie banners. The list of bad words is not shipped: `bad_words` takes the owner's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from remit.layers.data.quality.batch import LINE_BREAKS, Batch
from remit.layers.data.quality.characters import SPACE, among
from remit.layers.data.quality.judgement import Judgement, too_low
from remit.layers.data.quality.lines import Lines
from remit.layers.data.quality.sentences import counted, sentences
from remit.layers.data.quality.words import Bits, Indices
from remit.layers.data.rows import Way
from remit.types import Span

_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
_BREAK = re.compile(f"[{''.join(LINE_BREAKS)}]")
_ENDS = frozenset(".?!\"'")
_KEPT, _BLANK, _END, _FEW, _LONG, _SCRIPT, _PHRASE = range(7)
_FAULTS = (
    "kept", "blank", "no end punctuation", "too few words", "too long a word", "javascript",
    "policy phrase",
)  # fmt: skip
"""What a line is; those after `blank` are why it goes."""
_POLICY = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


_WHOLE = frozenset(("lorem ipsum", "curly bracket"))


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of a batch: for each line its fault, an index of `_FAULTS`, and sentences;
    for texts the reason to drop them at once; and the texts that lose a citation."""

    faults: Indices
    sentences: Indices
    dropped: dict[int, str]
    cited: set[int]


@dataclass(frozen=True)
class C4:
    """Keeps lines that are sentences; drops a text that has too few, or code, or filler.

    -1 leaves out a test with a number. A judgement to REDACT has as spans exactly what must be
    cut out of the text to leave the kept lines.
    """

    name: str = "c4"
    remove_citations: bool = True
    need_end_punctuation: bool = True
    min_sentences: int = 5
    min_words_per_line: int = 3
    max_word_length: int = 1000
    no_lorem_ipsum: bool = True
    no_javascript: bool = True
    no_curly_bracket: bool = True
    no_policy: bool = True
    bad_words: tuple[str, ...] = ()
    sentences: Callable[[str], Iterable[str]] = sentences

    def judge(self, batch: Batch) -> list[Judgement | None]:
        """One judgement a text: DROP, or REDACT with what to cut, or None."""
        texts, lines, found = len(batch.texts), batch.all_lines, self._lines(batch)
        kept = np.flatnonzero(found.faults == _KEPT)
        of, width = lines.text[kept], (lines.close - lines.begin)[kept]
        sentences = np.bincount(of, found.sentences[kept], texts)
        # Where all that is kept is as long as the text, nothing else is in it.
        left = np.bincount(of, width, texts) + np.maximum(np.bincount(of, minlength=texts) - 1, 0)
        changed = (left != batch.sizes) | _blank_at_an_end(batch)
        changed[list(found.cited)] = True
        few = sentences < self.min_sentences
        changed &= ~few
        judgements: list[Judgement | None] = [None] * texts
        for i in np.flatnonzero(few).tolist():
            judgements[i] = too_low("sentences", int(sentences[i]), self.min_sentences)
        for i, fault in found.dropped.items():
            judgements[i] = Judgement(fault)
            changed[i] = False
        kinds = len(_FAULTS)
        counts = np.bincount(lines.text * kinds + found.faults, minlength=texts * kinds)
        for i, runs in _runs(batch, kept, np.flatnonzero(changed)):
            spans = tuple(_cut(batch.texts[i], runs, citations=i in found.cited))
            if spans:
                reason = _reason(counts[i * kinds : (i + 1) * kinds].tolist())
                judgements[i] = Judgement(reason, Way.REDACT, spans)
        return judgements

    def _lines(self, batch: Batch) -> _Found:
        """What each line is, as far as its form says; then some lines are looked at as strings."""
        lines = batch.all_lines
        form = np.where(self._too_long(batch, lines), _LONG, _KEPT)
        if self.min_words_per_line > 0:
            form[lines.tokens < self.min_words_per_line] = _FEW
        faults = form.copy()
        if self.need_end_punctuation:
            faults[~_ended(batch, lines)] = _END
        past = (lines.start == lines.end) & (lines.end == batch.bounds[lines.text + 1] - 1)
        blank = self.need_end_punctuation or self.min_words_per_line > 0
        faults[past | (blank & (lines.tokens == 0))] = _BLANK
        found = _Found(faults, counted(batch, lines), self._drops(batch), set())
        bans = self._bans(batch)
        for i in np.flatnonzero(self._special(batch, lines, bans) & (faults != _BLANK)).tolist():
            self._line(batch, i, int(form[i]), bans.get(int(lines.text[i]), []), found)
        return found

    def _special(self, batch: Batch, lines: Lines, bans: dict[int, list[tuple[str, str]]]) -> Bits:
        """Lines of which the form does not say all, shape (lines,)."""
        if self.sentences is not sentences:
            return np.ones(len(lines.text), np.bool_)
        special: Bits = np.isin(lines.text, list(bans))
        if self.remove_citations:
            brackets = batch.signs[batch.points[batch.signs] == ord("[")]
            special[np.searchsorted(lines.end, brackets)] = True
        return special

    def _line(
        self, batch: Batch, i: int, form: int, ban: list[tuple[str, str]], found: _Found
    ) -> None:
        """Looks at a line as a string; `form` is its fault but for how it ends."""
        lines = batch.all_lines
        text = int(lines.text[i])
        if text in found.dropped:
            return
        whole = line = batch.joined[lines.begin[i] : lines.close[i]]
        if self.remove_citations:
            line = _CITATION.sub("", line)
        fault = form
        if self.need_end_punctuation and (line[-1:] not in _ENDS or line.endswith("...")):
            fault = _END
        if not fault:
            low = line.lower()
            said = next((fault for phrase, fault in ban if phrase in low), "")
            if said in _WHOLE:
                found.dropped[text] = said
            fault = _FAULTS.index(said) if said in _FAULTS else _KEPT
        if not fault:
            enough = max(self.min_sentences, 0)
            found.sentences[i] = sum(1 for _ in islice(self.sentences(line), enough))
            if line != whole:
                found.cited.add(text)
        found.faults[i] = fault

    def _too_long(self, batch: Batch, lines: Lines) -> Bits:
        """Lines with a word of more than the allowed characters, shape (lines,)."""
        long = np.zeros(len(lines.text), np.bool_)
        if self.max_word_length != -1:
            lengths = batch.tokens.end - batch.tokens.begin
            at = np.flatnonzero(lengths > self.max_word_length)
            long[np.searchsorted(lines.first, at, side="right") - 1] = True
        return long

    def _drops(self, batch: Batch) -> dict[int, str]:
        if self._bad is None:
            return {}
        found = ((i, self._bad.search(text.lower())) for i, text in enumerate(batch.texts))
        return {i: f"bad word: {match.group(1)}" for i, match in found if match}

    def _bans(self, batch: Batch) -> dict[int, list[tuple[str, str]]]:
        """(phrase, fault) to look for in lines, in the order of the tests, by text."""
        bans: dict[int, list[tuple[str, str]]] = {}
        for asked, signs, phrases, fault in (
            (self.no_lorem_ipsum, ("lorem ipsum",), ("lorem ipsum",), "lorem ipsum"),
            (self.no_javascript, ("javascript",), ("javascript",), "javascript"),
            (self.no_curly_bracket, ("{",), ("{",), "curly bracket"),
            (self.no_policy, ("cookie", "terms of use", "privacy p"), _POLICY, "policy phrase"),
        ):
            texts = {i for sign in signs for i in batch.having(sign)} if asked else ()
            for i in texts:
                bans.setdefault(i, []).extend((phrase, fault) for phrase in phrases)
        return bans

    @cached_property
    def _bad(self) -> re.Pattern[str] | None:
        if not self.bad_words:
            return None
        return re.compile(rf"(?:\W|^)({'|'.join(map(re.escape, self.bad_words))})(?:\W|$)")


def _blank_at_an_end(batch: Batch) -> Bits:
    """Texts that begin or end with a blank, which goes even where blank lines stay."""
    first, last = batch.bounds[:-1], np.maximum(batch.bounds[1:] - 2, 0)
    blank: Bits = ((batch.kinds[first] | batch.kinds[last]) & SPACE) != 0
    return blank & (batch.sizes > 0)


def _ended(batch: Batch, lines: Lines) -> Bits:
    """Lines that end as a sentence does, and not in three dots, shape (lines,)."""
    # Before the first line there is none; there the batch's last character is a line break.
    last = batch.points[lines.close - 1]
    ended: Bits = among(_ENDS).take(last)
    dots = np.flatnonzero(ended & (last == ord(".")))
    close = lines.close[dots]
    points = batch.points
    three = (points[close - 2] == ord(".")) & (points[close - 3] == ord("."))
    ended[dots[three]] = False
    return ended


def _runs(
    batch: Batch, kept: Indices, texts: Indices
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """For each of the texts, what is kept: lines with one character between them as one run."""
    lines = batch.all_lines
    of, begin, close = lines.text[kept], lines.begin[kept], lines.close[kept]
    apart = np.ones(len(kept) + 1, np.bool_)
    apart[1:-1] = (of[1:] != of[:-1]) | (begin[1:] - close[:-1] != 1)
    opens, closes = np.flatnonzero(apart[:-1]), np.flatnonzero(apart[1:])
    begin, close = begin[opens], close[closes]
    low, high = (np.searchsorted(of[opens], texts, side) for side in ("left", "right"))
    for i, a, b in zip(texts.tolist(), low.tolist(), high.tolist(), strict=True):
        base = batch.bounds[i]
        yield i, list(zip((begin[a:b] - base).tolist(), (close[a:b] - base).tolist(), strict=True))


def _reason(counts: list[int]) -> str:
    """What was done with a text of so many lines with each of `_FAULTS`."""
    removed = {_FAULTS[fault]: n for fault, n in enumerate(counts) if fault > _BLANK and n}
    total = sum(removed.values())
    faults = ", ".join(f"{n} {fault}" for fault, n in sorted(removed.items()))
    reason = f"lines removed {total} of {total + counts[_KEPT]}"
    return f"{reason}: {faults}" if faults else reason


def _cut(text: str, kept: list[tuple[int, int]], *, citations: bool) -> Iterator[Span]:
    """What to cut so that the kept lines remain, one line break between two of them."""
    keep = list(_kept(text, kept, citations=citations))
    low, high = 0, len(keep)
    while low < high and text[slice(*keep[low])].isspace():
        low += 1
    while low < high and text[slice(*keep[high - 1])].isspace():
        high -= 1
    keep = keep[low:high]
    if keep:  # a citation taken out at either end may leave a blank there
        start, end = keep[0]
        keep[0] = (end - len(text[start:end].lstrip()), end)
        start, end = keep[-1]
        keep[-1] = (start, start + len(text[start:end].rstrip()))
    at = 0
    for start, end in keep:
        if at < start:
            yield Span(at, start)
        at = end
    if at < len(text):
        yield Span(at, len(text))


def _kept(text: str, lines: list[tuple[int, int]], *, citations: bool) -> Iterator[tuple[int, int]]:
    before = -1
    for start, end in lines:
        if before >= 0:
            at = text.find("\n", before, start)
            if at < 0 and (sign := _BREAK.search(text, before, start)):
                at = sign.start()  # a line ended by another sign, which stays what it is
            yield (at, at + 1)
        before = end
        if citations and "[" in text[start:end]:
            at = start
            for found in _CITATION.finditer(text, start, end):
                if at < found.start():
                    yield (at, found.start())
                at = found.end()
            if at < end:
                yield (at, end)
        elif start < end:
            yield (start, end)
