"""What may be claimed from counts: intervals, tests, and how many cases a claim needs.

Pure functions on counts, without a dependency; each cites its paper, and what cannot be told is
a value that says so. `docs/statistics.md` has the derivations with worked numbers.

    intervals     exact bounds of a rate              claims        what a limit takes to show
    stopping      looking after every case            sequential    e-processes, sequences
    clusters      the seed is the unit                comparison    better, worse, not distinguished
    paired        McNemar, Tango, sign flips          planning      seeds for a power
    judges        correcting a judge's counts         agreement     kappa, alpha, bootstrap
    bias          twins and BBQ, kept apart           watch         alarms in production
    weighted      rates of risk samples               means         bounded means by betting
    multiplicity  Holm, Bonferroni, e-BH              beta          the function under it all
"""
