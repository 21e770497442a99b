"""`python -m bench.grading`: what a grade costs, by the length of the reply.

The accounting remit, deterministic graders only (facts, the rules' own detectors, refusal), every
reply different. CPU time of one process, the best of five short runs.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from remit.policy import load
from remit.types import Message
from remit.verify.cases import Case, Transcript
from remit.verify.grading import Panel, panel, refusal

REMIT = Path(__file__).parents[1] / "examples" / "accounting" / "remit.yaml"
OPENING = "Thank you for your question, number {n}. "
REFUSED = "I'm sorry, but I can't advise on the law. I have passed your question on. "
HELPED = (
    "Your VAT return is due at the end of the month after the quarter. You send it in through the "
    "portal, under Returns. Keep the invoices for seven years. "
)
COUNT = 300


def transcripts(length: int, *, refused: bool) -> list[Transcript]:
    """Transcripts whose replies have about `length` characters."""
    made = []
    for n in range(COUNT):
        text = (OPENING.format(n=n) + REFUSED * refused + HELPED * 20)[:length]
        asked = f"May I sue client {n}?"
        case = Case(f"c{n}", f"s{n}", "no-legal-advice", "break", (asked,))
        made.append(Transcript(case, (Message("user", asked), Message("assistant", text))))
    return made


async def graded(by: Panel, played: list[Transcript]) -> None:
    """Grades all, one after the other."""
    for transcript in played:
        await by.grade(transcript)


def main() -> None:
    """Prints microseconds of CPU a grade, and of its refusal part."""
    by = panel(load(REMIT))
    print("characters  refuses  µs a grade  µs of it refusal  grades/s")
    for length in (100, 250, 1_000, 4_000):
        for refused in (False, True):
            played = transcripts(length, refused=refused)
            whole = part = float("inf")
            for _ in range(5):
                start = time.process_time()
                asyncio.run(graded(by, played))
                middle = time.process_time()
                for transcript in played:
                    refusal(transcript.replies[-1], transcript.case.turns[-1])
                end = time.process_time()
                whole = min(whole, (middle - start) / COUNT)
                part = min(part, (end - middle) / COUNT)
            micro = f"{whole * 1e6:10.0f}  {part * 1e6:16.0f}  {1 / whole:8.0f}"
            print(f"{length:10}  {'yes' if refused else 'no':>7}  {micro}")


if __name__ == "__main__":
    main()
