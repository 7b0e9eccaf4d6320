"""learned.png: feature maps of a trained network for an X and an O, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnx.cli.figure import FAINT, Page

if TYPE_CHECKING:
    from cnnx.model.model import Model

_WIDTH, _HEIGHT = 1320, 780
_LEFT = 40
_MAPS_ACROSS = 8
_MAP = 56  # side of one map, whatever its number of cells
_SMALL_MAP = 34
_GAP = 6
# Left edges of the columns: the image, the maps of two layers, the probabilities.
_STOPS = (40, 260, 806, 1160)


def draw_learned(model: Model, images: NDArray[np.uint8]) -> Page:
    """Draw the page for one X and one O, (2, height, width, 1), and a `cnnx.models.small`."""
    page = Page(_WIDTH, _HEIGHT)
    title = "Feature maps of the trained network for an X and an O"
    page.text(_LEFT, 26, title, size=30, bold=True)
    page.text(
        _LEFT,
        72,
        "The network learned these filters in training. Each small map shows where one filter "
        "matches (orange).\nThe same filter is at the same position for X and O.",
        size=16,
        colour=FAINT,
    )
    _filters(page, 140, model.parameters["conv2d_1.weight"])
    outputs = model.layer_outputs(images)
    probabilities = model.predict_proba(images)
    names = model.classes or []
    for index, pixels in enumerate(images):
        top = 258 + index * 275
        page.band(top - 34, 250, _WIDTH)
        middle = top + 98
        page.grid(_STOPS[0], middle - 80, pixels[..., 0], cell=160 / len(pixels), colours=False)
        shown = (("relu_1", _STOPS[1], _MAP), ("max_pool2d_2", _STOPS[2], _SMALL_MAP))
        for name, left, side in shown:
            page.arrow(left - 46, middle, left - 10, middle)
            maps = outputs[name]
            # One scale per filter, the same for both images, so that they can be compared.
            strongest = np.maximum(maps.max(axis=(0, 1, 2)), np.finfo(np.float32).tiny)
            _maps(page, left, middle, maps[index] / strongest, side)
        page.arrow(_STOPS[3] - 36, middle, _STOPS[3] - 4, middle)
        page.bars(
            _STOPS[3] + 12,
            middle - 24,
            [float(value) for value in probabilities[index]],
            names,
            scale=50,
            form="{:.3f}".format,
        )
        titles = (
            "image",
            "first filters, after ReLU",
            "second filters, after pooling",
            "probability",
        )
        for left, title in zip(_STOPS, titles, strict=True):
            page.text(left, top - 24, title, size=14, colour=FAINT)
    return page


def _filters(page: Page, y: float, weight: NDArray[np.float32]) -> None:
    """Draw the weights of the first convolution, one small table per filter."""
    page.text(_LEFT, y, "first filters", size=14, colour=FAINT)
    strongest = float(np.abs(weight).max())
    for index in range(weight.shape[-1]):
        left = _STOPS[1] + index * 62
        page.grid(left, y - 4, weight[:, :, 0, index], cell=54 / len(weight), strongest=strongest)


def _maps(page: Page, left: float, middle: float, maps: NDArray[Any], side: float) -> None:
    """Draw all channels of one layer, from 0 to 1, as small maps in rows of eight."""
    height, _, channels = maps.shape
    rows = -(-channels // _MAPS_ACROSS)
    top = middle - (rows * (side + _GAP) - _GAP) / 2
    for channel in range(channels):
        row, column = divmod(channel, _MAPS_ACROSS)
        page.grid(
            left + column * (side + _GAP),
            top + row * (side + _GAP),
            maps[:, :, channel],
            cell=side / height,
        )
