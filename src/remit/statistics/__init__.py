"""What may be claimed from counts: intervals, tests, and how many cases a claim needs."""
