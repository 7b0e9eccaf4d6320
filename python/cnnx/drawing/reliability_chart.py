"""Reliability diagrams as SVG: accuracy by confidence, and how many images have which."""

from __future__ import annotations

from collections.abc import Sequence

from cnnx.drawing.axes import (
    WIDTH,
    drawing,
    fill,
    horizontal_ticks,
    left_of_plot,
    name_below,
    name_beside,
    vertical_ticks,
)
from cnnx.drawing.markup import Markup, element, joined
from cnnx.drawing.scale import Scale

_HEIGHT = 380.0
_STRIP = 54.0  # height of the counts below the diagram


def reliability_chart(
    title: str,
    confidences: Sequence[float],
    accuracies: Sequence[float],
    counts: Sequence[int],
) -> Markup:
    """Reliability diagram: accuracy by confidence in bins of equal width, and images per bin.

    A calibrated model has every point on the diagonal.

    Args:
        title: description for readers who do not see the chart.
        confidences: mean probability of the predicted class in each bin; NaN in an empty one.
        accuracies: accuracy in each bin; NaN in an empty one.
        counts: images in each bin.

    Reference:
        Niculescu-Mizil and Caruana, "Predicting Good Probabilities with Supervised Learning", 2005.
    """
    bottom = _HEIGHT - 46
    y = Scale(0.0, 1.0, bottom - _STRIP - 18, 14.0, percent=True)
    x = Scale(0.0, 1.0, left_of_plot(y), WIDTH - 20, percent=True)
    shares = Scale(0.0, float(max([*counts, 1])), bottom, bottom - _STRIP + 4)
    bins = zip(confidences, accuracies, counts, strict=True)
    parts = [
        joined(
            [
                _count(k, len(counts), counts, x, shares),
                _bin(k, len(counts), confidence, accuracy, count, (x, y)),
            ]
        )
        for k, (confidence, accuracy, count) in enumerate(bins)
    ]
    diagonal = element("line", x1=x.start, y1=y.start, x2=x.end, y2=y.end, class_="diagonal")
    images = bottom - _STRIP / 2 + 5
    body = (
        vertical_ticks(y, x),
        horizontal_ticks(x, y.end, bottom),
        name_beside(y, "accuracy"),
        element("text", "images", x=x.start - 8, y=images, text_anchor="end", class_="name"),
        name_below(x, bottom, "confidence: probability of the predicted class"),
        *parts,
        diagonal,
    )
    return drawing(title, WIDTH, _HEIGHT, joined(body))


def _count(index: int, bins: int, counts: Sequence[int], x: Scale, shares: Scale) -> Markup:
    """Bar of the number of images of a bin, below the diagram."""
    count = counts[index]
    upper = shares.place(count)
    share = f"{count / max(sum(counts), 1):.1%}"
    return element(
        "rect",
        element("title", f"{_range(index, bins)}: {count:,} images ({share})"),
        **_sides(index, bins, x),
        y=upper,
        height=shares.start - upper,
        class_="count",
    )


def _bin(
    index: int,
    bins: int,
    confidence: float,
    accuracy: float,
    count: int,
    scales: tuple[Scale, Scale],
) -> Markup | None:
    """Bar of the accuracy of a bin, with a point above its mean confidence; none if it is empty."""
    x, y = scales
    if not (x.shows(confidence) and y.shows(accuracy)):
        return None
    upper = y.place(accuracy)
    numbers = f"mean confidence {confidence:.1%}, accuracy {accuracy:.1%}, {count:,} images"
    return element(
        "g",
        element("title", f"{_range(index, bins)}: {numbers}"),
        element(
            "rect",
            **_sides(index, bins, x),
            y=upper,
            height=y.start - upper,
            style=fill(0),
            fill_opacity=0.25,
        ),
        element("circle", cx=x.place(confidence), cy=upper, r=4, style=fill(0)),
        class_="bin",
    )


def _sides(index: int, bins: int, x: Scale) -> dict[str, float]:
    begin, end = x.place(index / bins) + 1, x.place((index + 1) / bins) - 1
    return {"x": begin, "width": end - begin}


def _range(index: int, bins: int) -> str:
    return f"confidence {index / bins:.0%} to {(index + 1) / bins:.0%}"
