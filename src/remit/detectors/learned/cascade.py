"""Two stages whose cost grows only with doubt, shared by every learned kind of a process.

The linear model answers; where its probability lies in a head's uncertain band the encoder is
asked, and both are fused. What was said of a text is remembered by the text's hash for a while:
several kinds ask of one sentence, and a stream asks of its tail again.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import orjson

from remit.detectors.learned.calibration import TooRareError, threshold
from remit.detectors.learned.decoding import decodings
from remit.detectors.learned.encoder import Encoded, Encoder
from remit.detectors.learned.linear import Linear, Logits
from remit.detectors.learned.weights import CURE, Head, Manifest, WeightsError, manifest

_REMEMBERED = 1_024


class _Known:
    """What is known of one text so far."""

    __slots__ = ("decodings", "encoded", "linear")

    def __init__(self) -> None:
        self.decodings: list[str] | None = None
        self.linear: Logits | None = None
        self.encoded: Encoded | None = None


class Cascade:
    """Both stages and their calibration. Threads may share it; the encoder loads at need."""

    def __init__(self, files: Manifest) -> None:
        """Checks every file. Raises WeightsError."""
        files.check()
        self.manifest = files
        self._linear = Linear(files.content("linear.safetensors"), files.shape, len(files.heads))
        self._calibration = _calibration(files.content("calibration.json"))
        self._encoder: Encoder | None = None
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def head(self, name: str) -> Head:
        """A head by name. Raises WeightsError where these weights lack it."""
        if name not in self.manifest.heads:
            version = self.manifest.version
            raise WeightsError(f"the weights {version} have no head {name}; upgrade remit")
        return self.manifest.heads[name]

    def threshold(self, head: Head, rate: float) -> float:
        """The probability that at most `rate` of ordinary texts exceed. Raises TooRareError.

        The manifest holds what larger sets than the shipped one showed at the usual rates. What
        is needed at a higher rate is needed at this one; what holds at a lower one holds here.
        """
        count, scores = self._calibration[head.name]
        needed = max((limit for at, limit in head.thresholds if at >= rate), default=0.0)
        try:
            own = threshold(scores, count, rate)
        except TooRareError:
            stricter = [limit for at, limit in head.thresholds if at <= rate]
            if not stricter:
                raise
            own = min(stricter)
        return max(own, needed)

    def probabilities(self, text: str, heads: Sequence[Head]) -> list[float]:
        """The calibrated probability of each head."""
        known = self._of(text)
        if known.linear is None:
            known.linear = self._linear.logits(text)
        return [self._probability(text, known, float(known.linear[h.column]), h) for h in heads]

    def encoded(self, text: str) -> Encoded:
        """What the encoder says of a text. Raises WeightsError where it cannot be loaded."""
        known = self._of(text)
        if known.encoded is None:
            known.encoded = self.encoder().read(text)
        return known.encoded

    def decodings(self, text: str) -> list[str]:
        """What else the text says once its encodings are undone."""
        known = self._of(text)
        if known.decodings is None:
            known.decodings = decodings(text)
        return known.decodings

    def encoder(self) -> Encoder:
        """The encoder, loaded by the first who asks. Raises WeightsError."""
        with self._lock:
            if self._encoder is None:
                self._encoder = Encoder(self.manifest)
            return self._encoder

    def _probability(self, text: str, known: _Known, linear: float, head: Head) -> float:
        probability = _sigmoid(head.slope * linear + head.bias)
        low, high = head.band
        if not low <= probability <= high:
            return probability
        second = float(self.encoded(text).heads[head.column])
        return _sigmoid(head.fuse_encoder * second + head.fuse_linear * linear + head.fuse_bias)

    def _of(self, text: str) -> _Known:
        key = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        with self._lock:
            known = self._known.setdefault(key, _Known())
            self._known.move_to_end(key)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return known


@lru_cache(maxsize=2)
def cascade(folder: Path) -> Cascade:
    """The cascade of a folder, one a process. Raises WeightsError; a later call tries again."""
    return Cascade(manifest(folder))


def _calibration(content: bytes) -> dict[str, tuple[int, list[float]]]:
    """Per head: how many ordinary texts were scored, and the highest scores, in falling order."""
    try:
        heads = orjson.loads(content)["heads"]
        return {
            name: (int(own["n"]), [float(score) for score in own["highest"]])
            for name, own in heads.items()
        }
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"calibration.json cannot be read ({error}); {CURE}") from None


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-min(max(logit, -60.0), 60.0)))
