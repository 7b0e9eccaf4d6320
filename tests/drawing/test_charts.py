"""Charts: every value has its place, gaps stay gaps, and any text and any number can be drawn."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pytest
import svg_charts
from cnnx import History
from cnnx.drawing.axes import shortened, text_width
from cnnx.drawing.charts import Series, line_chart
from cnnx.drawing.confusion_chart import confusion_chart
from cnnx.drawing.curves import history_charts
from cnnx.drawing.reliability_chart import reliability_chart
from cnnx.drawing.scale import Scale, fitted

LOSSES = [2.3, 1.1, 0.72, 0.4501]


def test_lines_pass_through_their_values() -> None:
    series = [Series("training", LOSSES), Series("validation", LOSSES[::-1])]
    drawn = svg_charts.lines(line_chart("Loss", series, x="epoch", y="loss"))
    for name, values in (("training", LOSSES), ("validation", LOSSES[::-1])):
        np.testing.assert_allclose(
            drawn[name], list(zip([1, 2, 3, 4], values, strict=True)), atol=1e-3
        )


def test_logarithmic_axes_are_exact_too() -> None:
    rates, losses = [1e-5, 3e-4, 0.02, 1.0], [2.3, 1.0, 0.05, 900.0]
    chart = line_chart("Range", [Series("loss", losses, rates)], x="rate", y="loss", log="xy")
    pairs = np.array(svg_charts.lines(chart, log="xy")["loss"])
    np.testing.assert_allclose(pairs, list(zip(rates, losses, strict=True)), rtol=2e-3)


@pytest.mark.parametrize("gap", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_a_gap(gap: float) -> None:
    chart = line_chart("Loss", [Series("loss", [1.0, 2.0, gap, 3.0, gap])], x="epoch", y="loss")
    svg = ElementTree.fromstring(chart)
    assert [len(line.attrib["points"].split()) for line in svg.iter("polyline")] == [2]
    assert len(list(svg.iter("circle"))) == 3
    assert "nan" not in chart
    assert "inf" not in chart


@pytest.mark.parametrize(
    "values",
    [[], [0.5], [0.0], [math.nan], [7.0, 7.0], [1e-300, 3e-300], [-1e308, 1e308], [1e9, 1e9 + 1]],
)
def test_any_values_have_finite_places(values: list[float]) -> None:
    chart = line_chart("T", [Series("s", values)], x="x", y="y")
    svg = ElementTree.fromstring(chart)
    for each in svg.iter():
        for name in ("x", "y", "x1", "y1", "cx", "cy"):
            assert math.isfinite(float(each.get(name, 0)))


def test_many_points_have_no_markers() -> None:
    chart = line_chart("T", [Series("s", list(range(200)))], x="x", y="y")
    assert "<circle" not in chart
    assert len(svg_charts.lines(chart)["s"]) == 200


def test_a_marked_place_has_its_name() -> None:
    line = Series("s", [0.0, 1.0], [0.0, 1.0])
    chart = line_chart("T", [line], x="x", y="y", marked={"best 0.25": 0.25})
    svg = ElementTree.fromstring(chart)
    marked = next(each for each in svg.iter("line") if each.get("class") == "marked")
    assert svg_charts.axis(svg, "x")(float(marked.attrib["x1"])) == pytest.approx(0.25, abs=1e-3)
    assert "best 0.25" in chart


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.0, 0.05, ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]),
        (0.0, 5000.0, ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]),
        (0.0, 3e9, ["0", "5e+08", "1e+09", "1.5e+09", "2e+09", "2.5e+09", "3e+09"]),
    ],
)
def test_ticks_are_round(low: float, high: float, texts: list[str]) -> None:
    assert [text for _, text in Scale(low, high, 0, 100).ticks()] == texts


def test_limits_are_the_ends_of_an_axis() -> None:
    for scale in (Scale(2.0, 5.0, 200, 10), Scale(0.1, 1000.0, 30, 400, log=True)):
        assert scale.place(scale.low) == pytest.approx(scale.start)
        assert scale.place(scale.high) == pytest.approx(scale.end)
        assert scale.place(2 * scale.high) == pytest.approx(scale.end)


def test_ticks_of_epochs_are_whole() -> None:
    scale = fitted([1, 2, 3], 0, 100, whole=True, tight=True)
    assert [text for _, text in scale.ticks()] == ["1", "2", "3"]


def test_percentages_stay_between_0_and_1() -> None:
    scale = fitted([0.03, 0.999], 0, 100, percent=True)
    assert (scale.low, scale.high) == (0.0, 1.0)
    assert scale.ticks()[-1][1] == "100%"


def test_a_confusion_matrix_has_its_counts() -> None:
    matrix = np.array([[5, 0, 2], [1, 1200, 0], [0, 0, 0]])
    chart = confusion_chart("Confusion", matrix, ["a", "b & c", "d"])
    assert svg_charts.cells(chart) == matrix.ravel().tolist()
    assert "b &amp; c predicted as a: 1" in chart


def test_slanted_names_end_within_a_confusion_matrix() -> None:
    def width(*names: str) -> float:
        chart = confusion_chart("Confusion", np.eye(2, dtype=np.int64), names)
        svg = next(ElementTree.fromstring(chart).iter("svg"))
        return float(svg.attrib["width"])

    length = text_width("a long name")
    assert width("a", "a long name") >= 26 + length + 8 + 1.5 * 28 + length * math.sqrt(0.5)
    assert width("a long name", "a") == width("a", "a long name") - 28


def test_axes_in_percent_have_ticks_between_0_and_1() -> None:
    series = [Series("model", [0.5, 1.0], [0.0, 1.0])]
    chart = line_chart("ROC", series, x="false positives", y="recall", percent="xy")
    assert ">40%</text>" in chart
    assert ">0.4</text>" not in line_chart("L", series, x="epoch", y="loss")


def test_a_curve_without_a_last_value_has_none_in_its_caption() -> None:
    metrics = {"loss": [0.5, 0.25], "validation_loss": [0.75, math.nan], "accuracy": [0.5, 0.875]}
    text = history_charts(metrics)
    assert "loss after the last epoch: training 0.25<" in text
    assert "accuracy after the last epoch: training 87.50%<" in text


def test_a_matrix_of_many_classes_is_an_image() -> None:
    chart = confusion_chart("Confusion", np.eye(1000, dtype=np.int64), ["name"] * 1000)
    assert "one pixel is 4 x 4 classes" in chart
    assert len(chart) < 100_000


def test_reliability_has_a_point_per_bin_with_images() -> None:
    chart = reliability_chart("R", [math.nan, 0.62, 0.97], [math.nan, 0.5, 0.9], [0, 10, 90])
    svg = ElementTree.fromstring(chart)
    x, y = svg_charts.axis(svg, "x"), svg_charts.axis(svg, "y")
    points = [(x(float(c.attrib["cx"])), y(float(c.attrib["cy"]))) for c in svg.iter("circle")]
    np.testing.assert_allclose(points, [(0.62, 0.5), (0.97, 0.9)], atol=1e-3)
    heights = [float(r.attrib["height"]) for r in svg.iter("rect") if r.get("class") == "count"]
    np.testing.assert_allclose(np.array(heights) / heights[2], [0, 1 / 9, 1], atol=1e-3)


def test_long_names_keep_both_ends() -> None:
    assert shortened("a name of 22 letters or more 12") == "a name of 22 lette… 12"
    assert len(shortened("x" * 50)) == 22


def test_a_history_draws_its_curves() -> None:
    history = History()
    assert "no epoch is finished" in history._repr_html_()
    history.add((2.0, 0.3), {"loss": 1.5, "accuracy": 0.4}, 1.0)
    history.add((1.0, 0.6), {"loss": 1.2, "accuracy": math.nan}, 1.5)
    drawn = history._repr_html_()
    assert "2 epochs in 2.5 s" in drawn
    charts = [f"<svg{part.split('</svg>')[0]}</svg>" for part in drawn.split("<svg")[1:]]
    loss, accuracy = (svg_charts.lines(chart) for chart in charts)
    np.testing.assert_allclose(loss["validation"], [(1, 1.5), (2, 1.2)], atol=1e-3)
    np.testing.assert_allclose(accuracy["training"], [(1, 0.3), (2, 0.6)], atol=1e-3)
    np.testing.assert_allclose(accuracy["validation"], [(1, 0.4)], atol=1e-3)
