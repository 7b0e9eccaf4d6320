"""Parts that charts share: the drawing, axes with their ticks and names, colours and text."""

from __future__ import annotations

import unicodedata

from cnnx.drawing.markup import Markup, element, joined
from cnnx.drawing.scale import Scale

# Small enough for a phone to show without shrinking the text much.
WIDTH = 440.0
TEXT_SIZE = 13.0
_COLOURS = 6  # --series-1 to --series-6
_LONGEST_NAME = 22


def drawing(title: str, width: float, height: float, body: Markup) -> Markup:
    """An SVG drawing that shrinks to a narrow page, with a title for readers who do not see it."""
    return element(
        "svg",
        element("title", title),
        body,
        class_="chart",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=round(width),
        height=round(height),
        role="img",
        aria_label=title,
        font_size=TEXT_SIZE,
    )


def shortened(text: str, longest: int = _LONGEST_NAME) -> str:
    """Text of at most so many characters, with an ellipsis before its last three."""
    return text if len(text) <= longest else f"{text[: longest - 4]}…{text[-3:]}"


def text_width(text: str, size: float = TEXT_SIZE) -> float:
    """Approximate width of text in a proportional font."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return size * (wide + 0.64 * (len(text) - wide))


def vertical_ticks(y: Scale, x: Scale) -> Markup:
    return element(
        "g",
        *(
            joined(
                [
                    element("line", x1=x.start, y1=y.place(v), x2=x.end, y2=y.place(v)),
                    element("text", text, x=x.start - 8, y=y.place(v) + 4.5, text_anchor="end"),
                ]
            )
            for v, text in y.ticks()
        ),
        class_="axis y",
    )


def horizontal_ticks(x: Scale, top: float, bottom: float) -> Markup:
    def tick(value: float, text: str) -> Markup:
        place = x.place(value)
        # A text at the end must not leave the drawing.
        half = text_width(text) / 2
        middle = min(max(place, half), WIDTH - half - 1)
        return joined(
            [
                element("line", x1=place, y1=top, x2=place, y2=bottom),
                element("text", text, x=middle, y=bottom + 18, text_anchor="middle"),
            ]
        )

    return element("g", *(tick(*each) for each in x.ticks(most=8)), class_="axis x")


def left_of_plot(y: Scale) -> float:
    """Place of the vertical axis, right of its name and its ticks."""
    return 26 + max([text_width(text) for _, text in y.ticks()] or [0.0]) + 8


def name_below(x: Scale, bottom: float, name: str) -> Markup:
    middle = (x.start + x.end) / 2
    return element("text", name, x=middle, y=bottom + 38, text_anchor="middle", class_="name")


def name_beside(y: Scale, name: str) -> Markup:
    middle = (y.start + y.end) / 2
    return element(
        "text",
        name,
        transform=f"translate(15 {middle:.2f}) rotate(-90)",
        text_anchor="middle",
        class_="name",
    )


def colour(index: int) -> str:
    """Colour of a series, which repeats after the sixth."""
    return f"var(--series-{index % _COLOURS + 1})"


def fill(index: int) -> str:
    return f"fill:{colour(index)}"
