"""The model card: what a model was made of, by hash, and what it does, rule by rule.

Failures stand in it as well: a gate that was not passed, an alarm that ended the training, rules
that nobody measured, rows that were left out. It is made of what the run wrote and of nothing else.
"""

from remit.layers.training.card.facts import card
from remit.layers.training.card.page import page, write_card

__all__ = ["card", "page", "write_card"]
