"""The second stage: one int8 sentence encoder with all heads, in ONNX, on one thread.

It is asked only where the first stage is in doubt, a text at a time: int8 scales depend on what
shares a batch, and an answer must depend on its own text alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from remit.detectors.learned.weights import CURE, Manifest, WeightsError

Floats = npt.NDArray[np.float32]
_SURROGATE = re.compile("[\ud800-\udfff]")
_OUTPUTS = ["pooled", "heads", "tokens"]


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder says of a text.

    `heads`: the highest logit over its windows, `[heads]`. `pooled`: the unit-length mean of each
    window, `[windows, width]`. `offsets` and `tokens`: each word piece's characters and its
    logits over the name labels, `[pieces, labels]`.
    """

    heads: Floats
    pooled: Floats
    offsets: tuple[tuple[int, int], ...]
    tokens: Floats


class Encoder:
    """A session and its tokenizer. Safe to share between threads."""

    def __init__(self, manifest: Manifest) -> None:
        """Loads both. Raises WeightsError where that fails or they do not fit the manifest."""
        import onnxruntime
        from tokenizers import Tokenizer

        self._manifest = manifest
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # An arena keeps the memory of the longest text that ever came.
        options.enable_cpu_mem_arena = False
        try:
            tokenizer: Any = Tokenizer.from_buffer(manifest.content("tokenizer.json"))
            # By its path: a session made of bytes keeps them for as long as it lives.
            manifest.content("encoder.onnx")
            self._session = onnxruntime.InferenceSession(
                str(manifest.folder / "encoder.onnx"), options, providers=["CPUExecutionProvider"]
            )
        except WeightsError:
            raise
        except Exception as error:  # noqa: BLE001  both libraries raise kinds of their own
            raise WeightsError(f"the encoder cannot be loaded ({error}); {CURE}") from None
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._marks = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
        if None in self._marks or {o.name for o in self._session.get_outputs()} != set(_OUTPUTS):
            raise WeightsError(f"the encoder does not fit its manifest; {CURE}")

    def read(self, text: str) -> Encoded:
        """Encodes a text of any length, in overlapping windows over all of it."""
        # A lone surrogate is no text to the tokenizer; a stand-in keeps every offset in place.
        text = _SURROGATE.sub("\ufffd", text)
        coded = self._tokenizer.encode(text, add_special_tokens=False)
        ids, offsets = coded.ids, tuple(coded.offsets)
        cases = [case(text[start:end]) for start, end in offsets]
        size = self._manifest.max_tokens - 2
        bounds = windows(len(ids), size, self._manifest.overlap)
        answers = [self._run(ids[start:end], cases[start:end]) for start, end in bounds]
        tokens = np.zeros((len(ids), len(self._manifest.names.labels)), np.float32)
        owned = _owned(bounds)
        for (first, last), (start, _), answer in zip(owned, bounds, answers, strict=True):
            tokens[first:last] = answer[2][first - start : last - start]
        return Encoded(
            np.max([heads for _, heads, _ in answers], axis=0),
            np.stack([pooled for pooled, _, _ in answers]),
            offsets,
            tokens,
        )

    def _run(self, ids: list[int], cases: list[int]) -> tuple[Floats, Floats, Floats]:
        first, last = self._marks
        feed = {
            "input_ids": np.array([[first, *ids, last]], np.int64),
            "attention_mask": np.ones((1, len(ids) + 2), np.int64),
            "token_type_ids": np.array([[0, *cases, 0]], np.int64),
        }
        pooled, heads, tokens = self._session.run(_OUTPUTS, feed)
        return pooled[0], heads[0], tokens[0, 1:-1]


def case(piece: str) -> int:
    """0 for lower case or no letter, 1 for a capital first, 2 for letters that are all capitals."""
    letters = [char for char in piece if char.lower() != char.upper()]
    if not letters or not piece[0].isupper():
        return 0
    return 2 if len(letters) > 1 and all(char.isupper() for char in letters) else 1


def windows(count: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Windows of at most `size` of `count` pieces, `overlap` of them shared."""
    step = size - overlap
    last = max(0, -(-(count - size) // step))
    return [(i * step, min(i * step + size, count)) for i in range(last + 1)]


def _owned(bounds: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Which pieces each window answers for: those further from its edge than from another's."""
    middles = [(here[1] + after[0]) // 2 for here, after in pairwise(bounds)]
    firsts, lasts = [0, *middles], [*middles, bounds[-1][1]]
    return list(zip(firsts, lasts, strict=True))
