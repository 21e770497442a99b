"""Detectors that understand: topics, attacks, harm, names, doubt; on a plain CPU, offline.

A rule about what is *meant* is answered by a cascade: a hashed linear model, and one small
sentence encoder where it is in doubt. A rule says how many false alarms it tolerates; thresholds
follow from a shipped calibration set. Needs the extra `remit[learned]`; a remit without these
kinds pays nothing.
"""

from remit.detectors.learned.catalogue import kinds

__all__ = ["kinds"]
