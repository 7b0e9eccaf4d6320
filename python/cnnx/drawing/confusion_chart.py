"""Confusion matrices as SVG: cells with counts, or an image of the matrix for many classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.drawing.axes import drawing, shortened, text_width
from cnnx.drawing.colours import heat
from cnnx.drawing.markup import Markup, element, joined
from cnnx.drawing.png import image

MOST_CELLS = 20  # classes whose counts are still readable in cells
_MOST_PIXELS = 250  # rows of the image; more classes share rows
_IMAGE_WIDTH = 500
_SLANT = 0.72  # width and height of slanted text, by its length
_LEAST_SCALE = 0.75  # of a matrix on a narrow page, where its counts are still readable
_LONGEST_NAME = 14
_DIAGONAL, _ERROR = "var(--series-1)", "var(--series-2)"
_STRONG = 0.55  # opacity from which text is drawn in the colour of the paper


def confusion_chart(
    title: str, matrix: NDArray[Any], names: Sequence[str], *, percentages: bool = False
) -> Markup:
    """A confusion matrix: rows are true classes, columns are predicted classes.

    Cells have the colours of the fraction of their row, correct ones in another colour than errors.
    More than 20 classes are drawn as an image, without counts.

    Args:
        title: description for readers who do not see it.
        matrix: counts, (classes, classes).
        names: names of the classes.
        percentages: whether cells have fractions of their rows instead of counts.
    """
    if len(names) > MOST_CELLS:
        return _coarse(title, matrix)
    sums = np.maximum(matrix.sum(axis=1), 1)
    texts = [
        [_percentage(int(count) / int(total)) if percentages else str(int(count)) for count in row]
        for row, total in zip(matrix, sums, strict=True)
    ]
    return _cells(title, matrix, names, texts)


def _percentage(fraction: float) -> str:
    """A fraction in percent, such as 7.3; of none "0"."""
    return f"{100 * fraction:.1f}" if fraction else "0"


def _cells(
    title: str, matrix: NDArray[Any], names: Sequence[str], texts: Sequence[Sequence[str]]
) -> Markup:
    shown = [shortened(name, _LONGEST_NAME) for name in names]
    cell = max(28.0, *(text_width(text) + 8 for row in texts for text in row))
    longest = max(map(text_width, shown))
    slanted = longest > cell - 4
    left = 26 + longest + 8
    top = 30 + (longest * _SLANT + 12 if slanted else 18)
    across = cell * len(names)
    # The last slanted names may end beyond the matrix.
    ends = [(k + 0.5) * cell + _SLANT * text_width(name) for k, name in enumerate(shown)]
    width = left + max([across, *(ends if slanted else [])]) + 4
    parts: list[Markup] = []
    for k, name in enumerate(shown):
        middle = (k + 0.5) * cell
        place = f"translate({left + middle:.2f} {top - 8:.2f})"
        turn = " rotate(-45)" if slanted else ""
        anchor = "start" if slanted else "middle"
        parts.append(element("text", name, transform=place + turn, text_anchor=anchor))
        parts.append(element("text", name, x=left - 8, y=top + middle + 4.5, text_anchor="end"))
    sums = np.maximum(matrix.sum(axis=1), 1)
    for row, column in np.ndindex(matrix.shape):
        count = int(matrix[row, column])
        parts.append(
            _cell(
                f"{names[row]} predicted as {names[column]}: {count:,}",
                texts[row][column] if count else None,
                count / int(sums[row]),
                (left + column * cell, top + row * cell, cell),
                row == column,
            )
        )
    outline = element(
        "rect", x=left, y=top, width=across, height=across, class_="outline", fill="none"
    )
    predicted = element(
        "text", "predicted", x=left + across / 2, y=17, text_anchor="middle", class_="name"
    )
    true = element(
        "text",
        "true",
        transform=f"translate(15 {top + across / 2:.2f}) rotate(-90)",
        text_anchor="middle",
        class_="name",
    )
    svg = drawing(title, width, top + across + 4, joined([*parts, outline, predicted, true]))
    # A narrow page scrolls, because the counts of a shrunk matrix could not be read.
    least = f"min-width:{_LEAST_SCALE * width:.0f}px"
    return element("div", element("div", svg, style=least), class_="scroll")


def _cell(
    title: str,
    text: str | None,
    fraction: float,
    place: tuple[float, float, float],
    correct: bool,
) -> Markup:
    """One cell with its text; one of no count has a faint dot."""
    x, y, side = place
    # The root, so that rare errors have a visible colour.
    opacity = fraction if correct else math.sqrt(fraction)
    return element(
        "g",
        element("title", title),
        element(
            "rect",
            x=x,
            y=y,
            width=side,
            height=side,
            fill_opacity=opacity,
            style=f"fill:{_DIAGONAL if correct else _ERROR}",
        ),
        element(
            "text",
            text or "·",
            x=x + side / 2,
            y=y + side / 2 + 4.5,
            text_anchor="middle",
            class_="inverse" if opacity > _STRONG else None if text else "name",
        ),
        class_="cell",
    )


def _coarse(title: str, matrix: NDArray[Any]) -> Markup:
    """The fractions of rows as an image, in which a row may be several classes."""
    classes = len(matrix)
    together = math.ceil(classes / _MOST_PIXELS)
    starts = np.arange(0, classes, together)
    counts = np.add.reduceat(np.add.reduceat(matrix, starts, axis=0), starts, axis=1)
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(1, _IMAGE_WIDTH // len(starts)) * len(starts)
    note = "Rows are true classes, columns are predicted classes, in the order of the class list"
    if together > 1:
        note += f"; one pixel is {together} x {together} classes"
    return joined(
        [
            element("p", f"{note}. Brighter is more often.", class_="faint"),
            image(heat(np.sqrt(fractions)), title, width=side),
        ]
    )
