"""Charts: every point in the picture, every series in the legend, nothing that could run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from remit.layers.training.charts import Place, Series, chart


def drawn(count, **settings):
    series = [
        Series(f"s{n}", [Place(x, x * n, x * n - 1, x * n + 1) for x in range(4)])
        for n in range(count)
    ]
    return chart(series, "A <title> & more", "steps", "score", **settings)


@pytest.mark.parametrize("count", [1, 2, 5, 6])
def test_everything_lies_within_the_picture(count):
    root = ET.fromstring(drawn(count))
    _, _, wide, tall = map(float, root.attrib["viewBox"].split())
    for shape in root.iter("{http://www.w3.org/2000/svg}circle"):
        assert 0 <= float(shape.attrib["cx"]) <= wide
        assert 0 <= float(shape.attrib["cy"]) <= tall
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 <= float(text.attrib["y"]) <= tall - 2


def test_every_series_has_its_points_and_its_name():
    svg = drawn(5)
    assert len(re.findall("<title>", svg)) == 5 * 4
    for n in range(5):
        assert f">s{n}</text>" in svg


def test_a_title_is_text():
    assert "A &lt;title&gt; &amp; more" in drawn(1)


def test_points_at_one_place_can_be_drawn():
    assert "nan" not in chart([Series("one", [Place(1.0, 2.0)])], "t", "x", "y", diagonal=True)


def test_nothing_to_draw_is_said():
    with pytest.raises(ValueError, match="nothing to draw for t"):
        chart([Series("none", [])], "t", "x", "y")
