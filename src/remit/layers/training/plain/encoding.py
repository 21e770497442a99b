"""Rows to token ids: what the model reads (the prompt) and what it is to answer (completions).

A conversation is rendered by the model's own chat template. A text prompt and its completion are
tokenised apart, so that training sees the prompt exactly as inference will; a completion ends with
the end-of-sequence token, or the model would never learn to stop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from remit.layers.training.engine import Prompt, TrainingError
from remit.types import Json

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A prompt and completions that branch from it; the prompt has one token at least."""

    prompt: Ids
    completions: tuple[Ids, ...]

    @property
    def tokens(self) -> int:
        """Tokens of all branches, the prompt counted with each."""
        return sum(len(self.prompt) + len(branch) for branch in self.completions)

    @property
    def longest(self) -> int:
        """Tokens of the longest branch with its prompt."""
        return len(self.prompt) + max(map(len, self.completions))


@dataclass
class Encoder:
    """Encodes rows for one model and counts what it had to leave out or cut."""

    tokenizer: Any
    max_length: int
    too_long: str = "drop"
    counts: Counter[str] = field(default_factory=Counter)

    def trees(self, rows: Sequence[Json], method: str) -> list[tuple[Json, Tree]]:
        """Each row that fits with its tree. Raises TrainingError where none is left."""
        kept = []
        for number, row in enumerate(rows, 1):
            prompt, completions = _parts(row, method)
            tree = self._fitted(self.tree(prompt, completions), number)
            if tree is not None:
                kept.append((row, tree))
        if not kept:
            raise TrainingError(f"every row is longer than max_length {self.max_length}; raise it")
        return kept

    def tree(self, prompt: Prompt, completions: Sequence[Any]) -> Tree:
        """A prompt and its completions, of any length."""
        if isinstance(prompt, str):
            branches = [self._ids(_text(branch)) for branch in completions]
            return Tree(self.prompt(prompt), tuple((*b, *self._end) for b in branches))
        asked = self.prompt(prompt)
        whole = [self._rendered([*prompt, *_messages(b)], ask=False) for b in completions]
        shared = min((_common(asked, ids) for ids in whole), default=len(asked))
        if shared < len(asked):
            self.counts["prompts that the chat template renders otherwise in an answer"] += 1
        return Tree(asked[: max(1, shared)], tuple(ids[max(1, shared) :] for ids in whole))

    def prompt(self, prompt: Prompt) -> Ids:
        """A prompt as the model sees it before it answers."""
        if not isinstance(prompt, str):
            return self._rendered(prompt, ask=True)
        ids = tuple(self.tokenizer(prompt)["input_ids"])
        return ids or self._first

    def text(self, completion: Sequence[int]) -> str:
        """A sampled completion as text."""
        return str(self.tokenizer.decode(completion, skip_special_tokens=True))

    @property
    def notes(self) -> tuple[str, ...]:
        """What happened to rows on the way, with counts."""
        return tuple(f"{count:,} {what}" for what, count in sorted(self.counts.items()))

    @property
    def end(self) -> int:
        """The token that ends a completion. Raises TrainingError where there is none."""
        if self.tokenizer.eos_token_id is None:
            raise TrainingError("the tokenizer has no eos_token; set one in its configuration")
        return int(self.tokenizer.eos_token_id)

    @property
    def _end(self) -> Ids:
        return (self.end,)

    @property
    def _first(self) -> Ids:
        first = self.tokenizer.bos_token_id
        return (self.end if first is None else int(first),)

    def _ids(self, text: str) -> Ids:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _rendered(self, messages: Sequence[Json], *, ask: bool) -> Ids:
        if not self.tokenizer.chat_template:
            raise TrainingError(
                "rows hold messages, and the model's tokenizer has no chat template; give it one "
                "(chat_template.jinja in its folder), or write prompts as texts"
            )
        try:
            text = self.tokenizer.apply_chat_template(
                list(messages), tokenize=False, add_generation_prompt=ask
            )
        except Exception as error:  # the template is the model's and raises what it likes
            raise TrainingError(f"the chat template refuses these messages: {error}") from error
        return self._ids(text) or self._first

    def _fitted(self, tree: Tree, number: int) -> Tree | None:
        if any(not branch for branch in tree.completions):
            self.counts["rows with an empty completion, left out"] += 1
            return None
        if tree.longest <= self.max_length:
            return tree
        if self.too_long == "refuse":
            raise TrainingError(
                f"row {number} has {tree.longest} tokens, more than max_length {self.max_length}; "
                "raise it, or write too_long: drop or cut"
            )
        room = self.max_length - len(tree.prompt)
        if self.too_long == "drop" or room < 1:
            self.counts["rows longer than max_length, left out"] += 1
            return None
        self.counts["rows longer than max_length, cut"] += 1
        return Tree(tree.prompt, tuple(branch[:room] for branch in tree.completions))


def _common(one: Ids, other: Ids) -> int:
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _parts(row: Json, method: str) -> tuple[Prompt, tuple[Any, ...]]:
    if method in ("dpo", "reward"):
        return row["prompt"], (row["chosen"], row["rejected"])
    if "messages" in row and "completion" not in row:
        *before, last = row["messages"]
        return before, ([last],)
    return row["prompt"], (row["completion"],)


def _text(completion: Any) -> str:
    if isinstance(completion, str):
        return completion
    return "".join(message["content"] for message in completion)


def _messages(completion: Any) -> Sequence[Json]:
    if isinstance(completion, str):
        return [{"role": "assistant", "content": completion}]
    return list(completion)
