"""Writes a reply token by token: reads what is seen, draws the next token, decodes it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from remit.models.house.network.files import WeightsError
from remit.models.house.network.llama import Llama
from remit.models.house.network.sight import sight

if TYPE_CHECKING:
    from remit.models.house.network.files import Array

_MOST_TOKENIZER = 8 << 20
_ROOM = 32  # tokens of the context that a reply has at least
_CUT = "\ufffd"  # how a decoder shows the first half of a character


class Writer:
    """A model and its tokenizer."""

    def __init__(self, model: Llama, tokenizer: Tokenizer) -> None:
        """Raises WeightsError where the two do not belong together."""
        if tokenizer.get_vocab_size() > model.shape.vocabulary:
            raise WeightsError("tokenizer.json has more tokens than the model; rebuild both")
        self._model, self._tokenizer = model, tokenizer

    @classmethod
    def load(cls, folder: Path) -> Writer:
        """The model of a folder in the Hugging Face layout. Raises WeightsError."""
        model = Llama.load(folder)
        path = folder / "tokenizer.json"
        try:
            if path.stat().st_size > _MOST_TOKENIZER:
                raise WeightsError(f"{path} is larger than {_MOST_TOKENIZER:,} bytes")
            return cls(model, Tokenizer.from_file(str(path)))
        except WeightsError:
            raise
        except Exception as error:  # noqa: BLE001  the library raises bare Exception
            raise WeightsError(f"{path} is no tokenizer ({error}); reinstall remit") from None

    def prompt(self, turns: Sequence[tuple[str, str]]) -> list[int]:
        """The tokens of what is seen of a conversation; of a long question, its end."""
        seen = sight(turns)
        asked = seen.text.rpartition("<|user|>")
        head = self._tokenizer.encode(asked[0] + asked[1]).ids
        tail = self._tokenizer.encode(asked[2]).ids
        room = self._model.shape.context - _ROOM - len(head)
        return [*head, *tail[-max(1, room) :]]

    def write(self, prompt: Sequence[int], heat: float, seed: int, most: int) -> Iterator[str]:
        """Pieces of the reply; an empty one last where the model ended it by itself.

        The same arguments give the same pieces. At most `most` tokens, and no more than the
        context has room for.
        """
        digest = hashlib.sha256(np.asarray(prompt, np.int32).tobytes()).digest()
        rng = np.random.default_rng([seed & (2**63 - 1), int.from_bytes(digest[:8], "big")])
        cache = self._model.cache()
        scores = self._model.read(prompt, cache)
        written: list[int] = []
        told = ""
        for _ in range(min(most, self._model.shape.context - len(prompt))):
            token = _drawn(scores, heat, rng)
            if token in self._model.shape.ends:
                yield ""
                return
            written.append(token)
            text = self._tokenizer.decode(written)
            if not text.endswith(_CUT) and len(text) > len(told):
                yield text[len(told) :]
                told = text
            if cache.length < self._model.shape.context:
                scores = self._model.read([token], cache)


def _drawn(scores: Array, heat: float, rng: np.random.Generator) -> int:
    if heat <= 0:
        return int(scores.argmax())
    chances = np.exp((scores - scores.max()).astype(np.float64) / heat)
    return int(np.searchsorted(np.cumsum(chances), rng.random() * chances.sum(), side="right"))
