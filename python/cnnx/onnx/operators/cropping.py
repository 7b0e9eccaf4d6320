"""Parts of the height and the width of an image: crops, and every n-th row or column."""

from __future__ import annotations

from collections.abc import Mapping

from cnnx import layers
from cnnx.onnx.axes import Activation, pixel_label, whole
from cnnx.onnx.call import Call
from cnnx.onnx.network import Selection


def selected(call: Call, value: Activation, parts: Mapping[int, range]) -> Activation:
    """Some rows and columns of an image, in ascending order.

    Selections in successive nodes, as PyTorch writes one per axis, become one.

    Args:
        call: node.
        value: the image.
        parts: positions that stay along axes of the ONNX array, each the rows or the columns.
    """
    network = call.network
    before = network.selections.get(value.symbol) if network.folds else None
    source, size = value.symbol, (value.size("H"), value.size("W"))
    ranges = {"H": range(size[0]), "W": range(size[1])}
    if before is not None:
        source, size = before.source, before.size
        ranges = {"H": before.rows, "W": before.columns}
    axes = list(value.axes)
    for axis, part in parts.items():
        label = pixel_label(value, axis)
        assert label is not None
        old = ranges[label]
        ranges[label] = old[part.start : part.stop : part.step]
        axes[axis] = whole(label, len(part))
    rows, columns = ranges["H"], ranges["W"]
    cropping = (_sides(rows, size[0]), _sides(columns, size[1]))
    stride = (_step(rows), _step(columns))
    symbol = source
    if cropping != ((0, 0), (0, 0)):
        symbol = network.add(layers.Crop2d(cropping), symbol)
    if stride != (1, 1):
        # A window of one pixel selects it.
        symbol = network.add(layers.MaxPool2d(1, stride=stride), symbol)
    network.selections[symbol] = Selection(source, size, rows, columns)
    return value.computed(symbol, (len(rows), len(columns), value.channels), axes)


def _step(places: range) -> int:
    return places.step if len(places) > 1 else 1


def _sides(places: range, size: int) -> tuple[int, int]:
    """Rows or columns before and after the selected ones, unless a stride passes over these."""
    after = size - 1 - places[-1]
    return places[0], 0 if after < _step(places) else after
