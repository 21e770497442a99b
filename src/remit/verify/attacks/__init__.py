"""Public ways to make a model do what it should not: without a model, scripted, and with one."""

from __future__ import annotations

from remit.verify.attacks.adaptive import ADAPTIVE, Played, crescendo, pair
from remit.verify.attacks.base import Attack, AttackError, Family, composed
from remit.verify.attacks.table import DEFAULT, GROUP, Table, table, variants

__all__ = [
    "ADAPTIVE",
    "DEFAULT",
    "GROUP",
    "Attack",
    "AttackError",
    "Family",
    "Played",
    "Table",
    "composed",
    "crescendo",
    "pair",
    "table",
    "variants",
]
