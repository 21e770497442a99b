"""From a tolerated rate of false alarms to a threshold, and from a threshold to a score.

The threshold is split-conformal: of n scores on ordinary text that was neither trained nor tested
on, the one that a fresh ordinary text exceeds with a probability of at most alpha (Vovk 2005;
Angelopoulos & Bates 2021, eq. 1). The owner states alpha; nobody types in a threshold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from remit.detectors.base import ConfigError

DEFAULT_ALARMS = 0.01
LOWEST, HIGHEST = 0.002, 0.05
# What the shipped calibration set can promise of one head.
LOWEST_EACH = 0.00125
# Scores below this are told as 0: most of ordinary text costs the flow nothing more.
_SILENT = 0.005
_EDGE = 1e-6


class TooRareError(ValueError):
    """The calibration set is too small to promise so few false alarms."""


def alarms(value: object) -> float:
    """A tolerated rate of false alarms, such as `1%` or 0.01. Raises ConfigError."""
    rate = value
    if isinstance(value, str) and (match := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value)):
        rate = float(match[1]) / 100
    if isinstance(rate, bool) or not isinstance(rate, (int, float)):
        raise ConfigError(f"alarms wants a share such as 1%, not {value!r}")
    if not LOWEST <= rate <= HIGHEST:
        bounds = f"{LOWEST:.1%} to {HIGHEST:.0%}"
        raise ConfigError(f"alarms can be {bounds} of ordinary texts, not {value}")
    return float(rate)


def threshold(scores: Sequence[float], count: int, rate: float) -> float:
    """The score that at most `rate` of ordinary texts exceed.

    `scores` are the highest of `count` calibration scores, in descending order. Raises
    TooRareError, with the lowest possible rate, where the set is too small for `rate`.
    """
    # The nudge undoes the rounding of (1 - rate): 1 % of 1000 texts is ten of them, exactly.
    rank = count - math.ceil((count + 1) * (1 - rate) - 1e-9)
    if rank < 0:
        least = f"{1 / (count + 1):.2%}"
        raise TooRareError(f"{count} calibration texts can promise alarms of {least} at the least")
    # Where the tail is not kept that far down, its last score is the stricter choice.
    return scores[min(rank, len(scores) - 1)]


def at_even_odds(probability: float, limit: float) -> float:
    """A probability on the scale where 0.5 is the owner's limit: its log odds less the limit's.

    This is the posterior at the prior at which the limit is an even bet, so the flow's own
    threshold of 0.5 means what the owner tolerates. Strictly over the limit is over 0.5.
    """
    score = 1 / (1 + math.exp(_log_odds(limit) - _log_odds(probability)))
    return told(score, over=probability > limit)


def told(score: float, *, over: bool) -> float:
    """A score in four digits, at or over 0.5 exactly where the limit is passed."""
    if over:
        return max(round(score, 4), 0.5001)
    score = min(round(score, 4), 0.4999)
    return score if score >= _SILENT else 0.0


def _log_odds(probability: float) -> float:
    inside = min(max(probability, _EDGE), 1 - _EDGE)
    return math.log(inside / (1 - inside))
