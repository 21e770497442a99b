"""People compare two replies, rule by rule, without knowing whose they are; models learn of it."""

from remit.layers.training.preferences.agreement import Agreement, agreement
from remit.layers.training.preferences.assigning import Claims, shown_order
from remit.layers.training.preferences.exporting import Exported, exported
from remit.layers.training.preferences.pairs import Pair, PairsError, read_pairs
from remit.layers.training.preferences.store import Store, StoreError
from remit.layers.training.preferences.verdicts import Choice, Verdict, VerdictError

__all__ = [
    "Agreement",
    "Choice",
    "Claims",
    "Exported",
    "Pair",
    "PairsError",
    "Store",
    "StoreError",
    "Verdict",
    "VerdictError",
    "agreement",
    "exported",
    "read_pairs",
    "shown_order",
]
