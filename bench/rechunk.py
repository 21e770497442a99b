"""Law 3 at length: a million re-chunkings of hostile replies, each compared with the whole.

    python bench/rechunk.py [--count N] [--first SEED]

Prints how many were compared, in how many seconds, and every mismatch with the seed that
repeats it. Exit code 1 where there was one.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "laws"))

from rechunking import run

WAYS = 50


def main() -> int:
    """Runs until enough re-chunkings are compared."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1_000_000, help="re-chunkings to compare")
    parser.add_argument("--first", type=int, default=1_000_000, help="the first seed")
    options = parser.parse_args()
    began, count, texts, mismatches = time.monotonic(), 0, 0, 0
    for seed, text, problem, done in run(range(options.first, options.first + options.count), WAYS):
        texts += 1
        count += done
        if problem:
            mismatches += 1
            print(f"seed {seed}, text {text!r}: {problem}", file=sys.stderr)
        if count >= options.count:
            break
    seconds = time.monotonic() - began
    print(
        f"re-chunkings {count:,}  texts {texts:,}  seconds {seconds:.0f}  mismatches {mismatches}"
    )
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
