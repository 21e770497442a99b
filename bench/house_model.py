"""How fast the small house model writes, on one core: `python bench/house_model.py [FOLDER]`.

Wall-clock is the best of several short runs, because other work on the machine only ever slows one
down; processor time beside it is what one core would need that has nothing else to do.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"

from remit.models.house.network.writer import Writer  # noqa: E402
from remit.models.house.small import SHIPPED  # noqa: E402

QUESTIONS = ("When is the VAT return for the first quarter due?", "Can I sue my landlord?")
RUNS, TOKENS = 12, 60


def main() -> None:
    """Measures and prints."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED
    begin = time.perf_counter()
    writer = Writer.load(folder)
    loaded = time.perf_counter() - begin
    best = spent = first = float("inf")
    for run in range(RUNS):
        prompt = writer.prompt([("user", QUESTIONS[run % len(QUESTIONS)])])
        begin, busy, count = time.perf_counter(), time.process_time(), 0
        for piece in writer.write(prompt, 1.0, run, TOKENS):
            if count == 0:
                first = min(first, time.perf_counter() - begin)
            count += piece != ""
        if count >= 8:
            best = min(best, (time.perf_counter() - begin) / count)
            spent = min(spent, (time.process_time() - busy) / count)
    print(f"loads in {1000 * loaded:.0f} ms, first token after {1000 * first:.1f} ms")
    print(f"{1 / best:,.0f} tokens a second, {1 / spent:,.0f} a second of processor time")


if __name__ == "__main__":
    main()
