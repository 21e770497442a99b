"""What would have been otherwise: recorded answers, decided again under a draft of the remit.

An answer has two places that a rule can read in the record: what the client asked, and what the
assistant said. Each is decided from the record where the draft leaves a rule alone, and from the
text where it does not. Where that text is not there (masked, a fingerprint only, withheld) the
answer is counted as one of which nobody can tell, with the reason; unless it is certain all the
same. What tools were told is not recorded, so their stage is not replayed. Pure: records in,
counts out.
"""

from remit.console.replay.answer import Changed, Unread
from remit.console.replay.comparison import Comparison, Hit, compare
from remit.console.replay.run import Replay, Replayed

__all__ = ["Changed", "Comparison", "Hit", "Replay", "Replayed", "Unread", "compare"]
