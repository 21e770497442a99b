"""How much of a stream's tail may still become a match: a lazy automaton of match beginnings.

Every pattern becomes part of one nondeterministic automaton (Thompson 1968); its deterministic
states are made when text first leads to them (as RE2 does) and kept up to a bound. The walk is
anchored: from each position of a short tail it goes on until the automaton is dead, which for
ordinary text is one or two characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from re import _constants as sre  # type: ignore[attr-defined]  # no public syntax tree exists
from typing import Any

from remit.detectors.bounded import Bounded, branches

_MAX_STATES = 20_000
_ACCEPT = 0

_CLASSES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}


class _State:
    """A set of nondeterministic states and the moves known from it."""

    __slots__ = ("members", "moves")

    def __init__(self, members: frozenset[int]) -> None:
        self.members = members
        self.moves: dict[str, _State | None] = {}


class Beginnings:
    """The set of all non-empty beginnings of matches of some patterns."""

    def __init__(self, patterns: Sequence[Bounded]) -> None:
        self._width = max((pattern.width for pattern in patterns), default=0)
        # Parallel lists over nondeterministic states: what a state eats, and where it leads.
        self._eats: list[Callable[[str], object] | None] = [None]
        self._leads: list[tuple[int, ...]] = [()]
        anywhere: list[int] = []
        at_edge: list[int] = []
        apart: list[int] = []
        for pattern in patterns:
            tree = pattern.tree()
            begins = self._sequence(tree, _ACCEPT)
            if tree[0] == (sre.AT, sre.AT_BOUNDARY):
                at_edge.append(begins)
            else:
                (apart if pattern.apart else anywhere).append(begins)
        # What may begin at a character, by whether it is a word's and whether one precedes it.
        self._start = {
            (word, inside): self._close(
                anywhere + (at_edge if word != inside else []) + ([] if word and inside else apart)
            )
            for word in (True, False)
            for inside in (True, False)
        }
        self._states: dict[frozenset[int], _State] = {}

    def first(self, text: str, start: int) -> int:
        """The first index from `start` on from which the rest of the text begins a match.

        The length of the text where there is none. Indices further from the end than the
        longest match are not considered.
        """
        end = len(text)
        inside = start > 0 and is_word(text[start - 1])
        for index in range(start, end):
            word = is_word(text[index])
            begins, inside = self._start[word, inside], word
            if begins and end - index <= self._width and self._lives(begins, text, index):
                return index
        return end

    def _lives(self, members: frozenset[int], text: str, index: int) -> bool:
        """True where the rest of the text from `index` on begins a match."""
        state: _State | None = self._state(members)
        while state is not None and index < len(text):
            char = text[index]
            state = state.moves[char] if char in state.moves else self._move(state, char)
            index += 1
        return state is not None

    def _state(self, members: frozenset[int]) -> _State:
        state = self._states.get(members)
        if state is None:
            if len(self._states) >= _MAX_STATES:
                self._states = {}
            state = self._states[members] = _State(members)
        return state

    def _move(self, state: _State, char: str) -> _State | None:
        reached: list[int] = []
        for member in state.members:
            eats = self._eats[member]
            if eats is not None and eats(char):
                reached += self._leads[member]
        # A completed match that ends with the text counts as alive: what follows may undo it.
        members = self._close(reached)
        following = self._state(members) if members else None
        if len(state.moves) < 1024:
            state.moves[char] = following
        return following

    def _close(self, states: Sequence[int]) -> frozenset[int]:
        seen: set[int] = set()
        todo = list(states)
        while todo:
            state = todo.pop()
            if state in seen:
                continue
            seen.add(state)
            if self._eats[state] is None:
                todo += self._leads[state]
        return frozenset(s for s in seen if self._eats[s] is not None or s == _ACCEPT)

    def _add(self, eats: Callable[[str], object] | None, *leads: int) -> int:
        self._eats.append(eats)
        self._leads.append(leads)
        return len(self._eats) - 1

    def _sequence(self, items: list[Any], following: int) -> int:
        """The state from which the items lead to `following`."""
        for op, value in reversed(items):
            following = self._item(op, value, following)
        return following

    def _item(self, op: Any, value: Any, following: int) -> int:
        eats = eaten_by(op, value)
        if eats is not None:
            return self._add(eats, following)
        if op is sre.AT:
            return following  # a boundary only narrows; leaving it out keeps more alive
        inner = branches(op, value)
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            return self._repeat(value[0], value[1], inner[0], following)
        return self._add(None, *(self._sequence(branch, following) for branch in inner))

    def _repeat(self, low: int, high: Any, body: list[Any], following: int) -> int:
        if high is sre.MAXREPEAT:
            loop = self._add(None)
            self._leads[loop] = (self._sequence(body, loop), following)
            state = loop
        else:
            state = following
            for _ in range(int(high) - low):
                state = self._add(None, self._sequence(body, state), following)
        for _ in range(low):
            state = self._sequence(body, state)
        return state


_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def is_word(char: str) -> bool:
    """True for what `\\w` means here: an ASCII letter, digit or underscore."""
    return char in _WORD


def eaten_by(op: Any, value: Any) -> Callable[[str], object] | None:
    """Whether a character is eaten by an item that is exactly one character; else None."""
    if op is sre.ANY:
        return lambda char: char != "\n"
    if op is sre.LITERAL:
        folded = chr(value).lower()
        return lambda char: char.lower() == folded
    if op is sre.NOT_LITERAL:
        unwanted = chr(value).lower()
        return lambda char: char.lower() != unwanted
    if op is sre.IN:
        return re.compile(_written(value), re.IGNORECASE | re.ASCII).fullmatch
    return None


def _written(parts: list[Any]) -> str:
    """A character class as `re` reads it."""
    inside = ""
    for op, value in parts:
        if op is sre.NEGATE:
            inside += "^"
        elif op is sre.LITERAL:
            inside += re.escape(chr(value))
        elif op is sre.RANGE:
            inside += f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        else:
            inside += _CLASSES[value]
    return f"[{inside}]"
