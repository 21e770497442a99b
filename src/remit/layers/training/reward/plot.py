"""The reliability of a reward model as an SVG: what it said beside what held."""

from __future__ import annotations

from collections.abc import Sequence

from remit.layers.training.charts import Place, Series, chart
from remit.layers.training.reward.calibration import Bin, expected_calibration_error
from remit.statistics.intervals import clopper_pearson


def reliability_plot(bins: Sequence[Bin], head: str) -> str:
    """A point a bin, with the exact 95 % interval of what held; the dashes are perfection.

    Raises ValueError without a bin.
    """
    places = []
    for one in bins:
        around = clopper_pearson(round(one.held * one.count), one.count)
        places.append(Place(one.said, one.held, around.low, around.high))
    error, pairs = expected_calibration_error(bins), sum(one.count for one in bins)
    title = f"{head}: calibration error {error:.3f} on {pairs} pairs"
    series = [Series(head, places, joined=False)]
    return chart(series, title, "probability said", "share that held", diagonal=True)
