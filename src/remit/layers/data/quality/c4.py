"""C4's filter: Raffel et al. 2020, JMLR 21(140), section 2.2. Line by line; the lines that fail go.

Parameters, order of the tests and arithmetic are those of datatrove 0.10.1 (`C4QualityFilter`),
which has two tests of the authors' code beside the paper's: words of over 1,000 characters, and
phrases of cookie banners. The list of bad words is not shipped: `bad_words` takes the owner's own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from remit.layers.data.quality.judgement import Judgement, too_low
from remit.layers.data.quality.words import Batch
from remit.layers.data.rows import Way
from remit.types import Span

_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]")
_BREAK = re.compile(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_ENDS = frozenset(".?!\"'")
_WHOLE = frozenset(("lorem ipsum", "curly bracket"))
_POLICY = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
_SENTENCE = re.compile(r"[.!?…。！？]++[\"'”’»)\]]*+(\s++|$)?")


def sentences(line: str) -> Iterator[str]:
    """The line cut after end punctuation (and closing quotes) that stands before a blank."""
    at = 0
    for match in _SENTENCE.finditer(line):
        if match[1] is not None:  # 3.5 ends no sentence
            yield line[at : match.end()]
            at = match.end()
    if at < len(line):
        yield line[at:]


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
        return [self._text(text) for text in batch.texts]

    def _text(self, text: str) -> Judgement | None:
        ban = self._banned(low := text.lower())
        if self._bad is not None and (found := self._bad.search(low)):
            return Judgement(f"bad word: {found.group(1)}")
        cite = self.remove_citations and "[" in text
        removed: Counter[str] = Counter()
        kept: list[tuple[int, str]] = []
        blank = self.need_end_punctuation or self.min_words_per_line > 0
        at = count = 0
        for whole in text.splitlines(keepends=True):
            words = line = whole.strip()
            begin, at = at, at + len(whole)
            if not line and blank:
                continue
            if cite and "[" in line:
                line = _CITATION.sub("", line)
            fault = self._fault(line, words)
            if ban and not fault:
                fault = _fault_of_words(line, ban)
            if fault in _WHOLE:
                return Judgement(fault)
            if fault:
                removed[fault] += 1
                continue
            if count < self.min_sentences:  # enough is enough: counting is what costs
                wanted = self.min_sentences - count
                count += sum(1 for _ in islice(self.sentences(line), wanted))
            kept.append((begin, whole))
        if count < self.min_sentences:
            return too_low("sentences", count, self.min_sentences)
        return _changed(text, kept, removed, citations=cite)

    def _fault(self, line: str, words: str) -> str:
        """Why this line goes, as far as its form says; `words` is the line with citations."""
        if self.need_end_punctuation and (line[-1:] not in _ENDS or line.endswith("...")):
            return "no end punctuation"
        least = self.min_words_per_line
        if least > 0 and len(words.split(None, least)) < least:
            return "too few words"
        longest = self.max_word_length
        if len(words) > longest != -1 and max(map(len, words.split()), default=0) > longest:
            return "too long a word"
        return ""

    def _banned(self, low: str) -> list[tuple[str, str]]:
        """(phrase, fault) of what the text has somewhere, in the order of the tests."""
        ban = []
        if self.no_lorem_ipsum and "lorem ipsum" in low:
            ban.append(("lorem ipsum", "lorem ipsum"))
        if self.no_javascript and "javascript" in low:
            ban.append(("javascript", "javascript"))
        if self.no_curly_bracket and "{" in low:
            ban.append(("{", "curly bracket"))
        if self.no_policy and ("cookie" in low or "terms of use" in low or "privacy p" in low):
            ban += [(phrase, "policy phrase") for phrase in _POLICY]
        return ban

    @cached_property
    def _bad(self) -> re.Pattern[str] | None:
        if not self.bad_words:
            return None
        return re.compile(rf"(?:\W|^)({'|'.join(map(re.escape, self.bad_words))})(?:\W|$)")


def _fault_of_words(line: str, ban: list[tuple[str, str]]) -> str:
    low = line.lower()
    return next((fault for phrase, fault in ban if phrase in low), "")


def _changed(
    text: str, lines: list[tuple[int, str]], removed: Counter[str], *, citations: bool
) -> Judgement | None:
    """What to cut, given where the kept lines begin and their text with all around it."""
    if not citations and text == "\n".join([line.strip() for _, line in lines]):
        return None
    kept = [(at + len(line) - len(line.lstrip()), at + len(line.rstrip())) for at, line in lines]
    spans = tuple(_cut(text, [(a, max(a, b)) for a, b in kept], citations=citations))
    if not spans:
        return None
    faults = ", ".join(f"{count} {fault}" for fault, count in sorted(removed.items()))
    reason = f"lines removed {removed.total()} of {removed.total() + len(kept)}"
    return Judgement(reason + (f": {faults}" if faults else ""), Way.REDACT, spans)


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
            if at < 0 and (sign := _BREAK.search(text, before)):
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
