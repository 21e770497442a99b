"""Lines and paragraphs of one text, and which of them came before."""

from __future__ import annotations


def repeated(parts: list[str]) -> tuple[int, int]:
    """How many parts were there before, and how many characters they have."""
    if len(set(parts)) == len(parts):
        return 0, 0
    seen: set[str] = set()
    count = characters = 0
    for part in parts:
        if part in seen:
            count += 1
            characters += len(part)
        seen.add(part)
    return count, characters


def paragraphs(text: str) -> list[str]:
    """The text without what is blank around it, cut at runs of two line breaks and more."""
    text = text.strip()
    if "\n\n" not in text:
        return [text]
    return [part.lstrip("\n") for part in text.split("\n\n") if part]


def lines(text: str) -> list[str]:
    """The text cut at runs of line breaks: what `re.split("\\n+", text)` gives, faster."""
    parts = text.split("\n")
    if "\n\n" not in text:
        return parts
    return [parts[0], *filter(None, parts[1:-1]), parts[-1]]
