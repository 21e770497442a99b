"""Layer 4: block, change or hand over what must not pass, whole or streaming."""

from remit.layers.guard.guard import Guard
from remit.layers.guard.inputs import GuardedInput
from remit.layers.guard.receipt import Log
from remit.layers.guard.stream import Guarded, Stream

__all__ = ["Guard", "Guarded", "GuardedInput", "Log", "Stream"]
