"""What each layer buys: the same cases with every layer on, off, alone, and all but one.

A folder of checkpoints says which weights a model has with and without the data layer and with and
without training; prompt and guard are put around it, and the monitor watches what is delivered.
Violations are counted by the remit's own detectors and by an auditor that no layer ever read, and
the gap between the two is shown: a layer that only learnt to please the detectors shows there.
"""

from remit.verify.ladder.auditor import Auditor, AuditorError, read_auditor
from remit.verify.ladder.checkpoints import Checkpoints, CheckpointsError, read_checkpoints
from remit.verify.ladder.climbing import Climb, climb
from remit.verify.ladder.rates import Effect, Rung, effects, rungs
from remit.verify.ladder.steps import LAYERS, Layer, Layers, standard, title

__all__ = [
    "LAYERS",
    "Auditor",
    "AuditorError",
    "Checkpoints",
    "CheckpointsError",
    "Climb",
    "Effect",
    "Layer",
    "Layers",
    "Rung",
    "climb",
    "effects",
    "read_auditor",
    "read_checkpoints",
    "rungs",
    "standard",
    "title",
]
