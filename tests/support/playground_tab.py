"""Actions on a playground that is open in a browser's tab.

Not part of the package.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from browser_tab import Point, Tab, in_javascript


def open_playground(tab: Tab, page: Path) -> float:
    """Open the page and wait until it shows a prediction; the milliseconds since the navigation."""
    tab.open(page)
    tab.wait_until("window.playground")
    return float(tab.run("await window.playground.ready; return performance.now();"))


def set_pixels(tab: Tab, image: npt.NDArray[np.uint8]) -> None:
    """Put an image on the pad and wait until the page is painted with its prediction."""
    tab.run(
        "playground.lastMilliseconds = NaN;"
        f"playground.setPixels({in_javascript(image.tobytes())});"
        "while (Number.isNaN(playground.lastMilliseconds)) {"
        "  await new Promise((done) => setTimeout(done, 1));"
        "}"
    )


def probabilities(tab: Tab, images: npt.NDArray[np.uint8]) -> bytes:
    """The float32 probabilities of images, each put on the pad, as the engine gives them."""
    return tab.bytes_of(
        f"""(async () => {{
          const images = {in_javascript(images.tobytes())};
          const found = [];
          for (let at = 0; at < images.length; at += {images[0].size}) {{
            const pixels = images.slice(at, at + {images[0].size});
            await playground.setPixels(pixels);
            found.push(...(await playground.engine.run(pixels)).probabilities);
          }}
          return Float32Array.from(found);
        }})()"""
    )


def train(
    tab: Tab,
    images: npt.NDArray[np.uint8],
    labels: Sequence[int],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Train in the page; its result, and the `progress` that it reported."""
    return dict(
        tab.run(
            f"""const progress = [];
            const request = {{
              ...{json.dumps(dict(settings))},
              pixels: {in_javascript(images.tobytes())},
              labels: {json.dumps([int(label) for label in labels])},
            }};
            const done = await playground.engine.train(request, (each) => progress.push(each));
            return {{...done, progress}};"""
        )
    )


def press_button(tab: Tab, text: str) -> None:
    """Click the button with a text."""
    buttons = "[...document.querySelectorAll('button')]"
    tab.click(f"{buttons}.find((each) => each.textContent.trim() === {json.dumps(text)})")


def saved_model(tab: Tab) -> bytes:
    """The bytes of the page's model file."""
    return tab.bytes_of("playground.engine.save()")


# Strokes on a pad whose sides are 1.
CROSS = (((0.2, 0.2), (0.8, 0.8)), ((0.8, 0.2), (0.2, 0.8)))
RING = (
    tuple(
        (0.5 + 0.32 * math.cos(angle / 12 * math.pi), 0.5 + 0.32 * math.sin(angle / 12 * math.pi))
        for angle in range(25)
    ),
)


def draw(
    tab: Tab, strokes: Sequence[Sequence[Point]], move: Point = (0, 0), scale: float = 1
) -> None:
    """Draw with the mouse on the emptied pad: strokes, scaled about the middle and moved."""
    tab.click("document.getElementById('clear')")
    left, top, width, height = tab.box("document.getElementById('pad')")
    for stroke in strokes:
        points = [
            (
                left + width * (0.5 + scale * (x - 0.5) + move[0]),
                top + height * (0.5 + scale * (y - 0.5) + move[1]),
            )
            for x, y in stroke
        ]
        tab.drag(_with_points_between(points))


def _with_points_between(points: Sequence[Point]) -> list[Point]:
    """A stroke as a hand moves, in steps of some pixels."""
    close = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        count = max(1, round(math.hypot(x1 - x0, y1 - y0) / 12))
        close += [
            (x0 + (x1 - x0) * part / count, y0 + (y1 - y0) * part / count)
            for part in range(1, count + 1)
        ]
    return close
