"""Asks the files that ship: the int8 graph window by window, as the run-time does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from tokenizers import Tokenizer

from recipes.detectors.heads import HEADS, LABELS
from recipes.detectors.linear import NOTHING
from recipes.detectors.manifest import MAX_TOKENS, OVERLAP
from recipes.detectors.pieces import Pieces, batch, pieces, windows

Floats = npt.NDArray[np.float32]
Spans = tuple[tuple[int, int, str], ...]
_TOGETHER = 16
KINDS = ("person", "address", "organisation")


@dataclass(frozen=True, slots=True)
class Asker:
    """A session and its tokenizer."""

    session: ort.InferenceSession
    tokenizer: Tokenizer

    @classmethod
    def open(cls, folder: Path, threads: int = 1, graph: str = "encoder.onnx") -> Asker:
        """The encoder in `folder`; `graph` may name another file than the one that ships."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        return cls(ort.InferenceSession(str(folder / graph), options), tokenizer)

    def _run(self, parts: list[tuple[list[int], list[int]]]) -> tuple[Floats, Floats, Floats]:
        ids, mask, cases = batch(parts)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": cases}
        pooled, heads, tokens = self.session.run(["pooled", "heads", "tokens"], feed)
        return pooled, heads, tokens

    def heads(self, texts: list[str]) -> Floats:
        """Logits [texts, heads]: the greatest of each text's windows."""
        parts: list[tuple[int, list[int], list[int]]] = []
        for number, text in enumerate(texts):
            own = pieces(self.tokenizer, text)
            for start, end in windows(len(own.ids), MAX_TOKENS - 2, OVERLAP):
                parts.append((number, own.ids[start:end], own.cases[start:end]))
        parts.sort(key=lambda part: len(part[1]))
        best = np.full((len(texts), len(HEADS)), NOTHING, np.float32)
        for at in range(0, len(parts), _TOGETHER):
            some = parts[at : at + _TOGETHER]
            logits = self._run([(ids, cases) for _, ids, cases in some])[1]
            np.maximum.at(best, [number for number, _, _ in some], logits)
        return best

    def pooled(self, text: str) -> Floats:
        """The embedding of a text's first window, of length 1."""
        own = pieces(self.tokenizer, text)
        cut = MAX_TOKENS - 2
        return self._run([(own.ids[:cut], own.cases[:cut])])[0][0]

    def token_logits(self, text: str) -> tuple[Pieces, Floats]:
        """Pieces and their logits [pieces, labels], each from the window it lies deepest in."""
        own = pieces(self.tokenizer, text)
        logits = np.zeros((len(own.ids), len(LABELS)), np.float32)
        depth = np.full(len(own.ids), -1)
        for start, end in windows(len(own.ids), MAX_TOKENS - 2, OVERLAP):
            if start == end:
                continue
            found = self._run([(own.ids[start:end], own.cases[start:end])])[2][
                0, 1 : end - start + 1
            ]
            inner = np.minimum(np.arange(end - start), np.arange(end - start)[::-1])
            # The ends of the text are no edges: nothing is missing there.
            inner = np.where((np.arange(end - start) < OVERLAP) & (start == 0), OVERLAP, inner)
            better = inner > depth[start:end]
            logits[start:end][better] = found[better]
            depth[start:end][better] = inner[better]
        return own, logits


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return (raised / raised.sum(-1, keepdims=True)).astype(np.float32)


def spans(text: str, own: Pieces, logits: Floats, threshold: float) -> Spans:
    """The names, by FORMAT.md's rule."""
    if not own.ids:
        return ()
    probabilities = softmax(logits)
    groups: list[list[int]] = []
    for i, (start, _) in enumerate(own.offsets):
        joined = (
            bool(groups)
            and own.offsets[i - 1][1] == start
            and text[start - 1 : start + 1].isalnum()
        )
        if joined:
            groups[-1].append(i)
        else:
            groups.append([i])
    found: list[tuple[int, int, str]] = []
    open_until = -1
    for number, group in enumerate(groups):
        mean = probabilities[group].mean(0)
        if 1.0 - mean[0] < threshold:
            continue
        kind = KINDS[int(np.argmax(mean[1::2] + mean[2::2]))]
        first = probabilities[group[0]]
        begins = first[1::2].sum() > first[2::2].sum()
        start, end = own.offsets[group[0]][0], own.offsets[group[-1]][1]
        if found and open_until == number - 1 and found[-1][2] == kind and not begins:
            found[-1] = (found[-1][0], end, kind)
        else:
            found.append((start, end, kind))
        open_until = number
    return tuple(found)
