"""Input of an ONNX graph: the order of its axes, its sizes and its batch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnx.layers.graph import Input, Shape
from cnnx.onnx.axes import Activation, batch_axis, whole
from cnnx.onnx.graph import Array, Value

# Orders to try by the number of axes, the usual one first. An image of one channel may lack the
# axis of the channels. A signal has a height only; its convolutions refuse the order of an image.
# Features are the channels of one pixel.
_ORDERS = {
    1: ("N",),
    2: ("NC",),
    3: ("NHW", "NCH", "NHC"),
    4: ("NCHW", "NHWC", "NHCW"),
}
_CHANNELS = (1, 3, 4)  # of usual images
_MOST_PIXELS = 1 << 24  # along an axis, as in a model
_LONGEST_NAME = 90  # of an input, to which numbers may be added


@dataclass
class InputLayout:
    """Order of the axes of a graph's input.

    Attributes:
        name: name of the input.
        order: label of each axis: "N" the batch, "H", "W" and "C".
        batch: number of images that the graph is converted for; the model takes any.
        image: the model's input.
        is_likely: whether the sizes are not those of images with another order.
        is_open: whether the file leaves the number of images open.
    """

    name: str
    order: str
    batch: int
    image: Input
    is_likely: bool = True
    is_open: bool = False

    @classmethod
    def all_of(
        cls, value: Value, input_shape: Shape | None, batch: int | None, order: str | None = None
    ) -> list[InputLayout]:
        """Layouts that fit the declared shape of the input, the likeliest first.

        Args:
            value: the input.
            input_shape: (height, width, channels), for sizes that the file leaves open or that
                are to be others; None for those of the file.
            batch: number of images, for a batch that the file leaves open; None for 1.
            order: label of each axis, if it is known.

        Raises:
            ValueError: if the shape is unknown, or does not fit.
        """
        declared = value.shape
        if declared is None or len(declared) not in _ORDERS:
            axes = "of unknown shape" if declared is None else f"of {len(declared)} axes"
            raise ValueError(f"its input {value.name} is an array {axes}, expected images")
        first = declared[0] if declared and isinstance(declared[0], int) else None
        count = batch or first or 1
        layouts = []
        is_known = order is not None and len(order) == len(declared)
        for each in (str(order),) if is_known else _ORDERS[len(declared)]:
            shape = _image_shape(each, declared, input_shape)
            if shape is not None:
                likely = each in (order, "NCHW") or not _is_channels_first(declared)
                layouts.append(cls(value.name, each, count, _image(shape), likely, first is None))
        if not layouts:
            raise ValueError(_misfit(value, input_shape))
        if len(layouts) > 1 and _is_channels_last(declared):
            layouts[:2] = layouts[1::-1]
        return layouts

    @property
    def activation(self) -> Activation:
        """The input with the note on its axes."""
        height, width, channels = self.image.shape
        sizes = {"H": height, "W": width, "C": channels}
        axes = tuple(
            batch_axis(self.batch) if label == "N" else whole(label, sizes[label])
            for label in self.order
        )
        return Activation(self.image, (height, width, channels), axes)

    def images(self, x: Array) -> NDArray[np.float32]:
        """An input of the graph as images, (batch, height, width, channels)."""
        present = [label for label in "NHWC" if label in self.order]
        moved = x.transpose([self.order.index(label) for label in present])
        return np.ascontiguousarray(moved, np.float32).reshape(-1, *self.image.shape)


def layouts_of_all(
    inputs: Sequence[Value], input_shape: Shape | None, orders: Sequence[str | None]
) -> list[list[InputLayout]]:
    """Layouts of all inputs of a graph to try together; arguments and errors as `all_of`."""
    if len(inputs) > 1 and input_shape is not None:
        raise ValueError(
            f"input_shape is {input_shape}, expected None, because there are {len(inputs)} inputs"
        )
    each = [
        InputLayout.all_of(value, input_shape, None, order)
        for value, order in zip(inputs, orders, strict=True)
    ]
    most = max(map(len, each), default=0)
    return [[fits[min(k, len(fits) - 1)] for fits in each] for k in range(most)]


def named_images(layouts: Sequence[InputLayout]) -> dict[str, Input]:
    """Inputs of a network by names that layers may have; a single one is "input"."""
    if len(layouts) == 1:
        return {"input": layouts[0].image}
    images: dict[str, Input] = {}
    for each in layouts:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", each.name)[:_LONGEST_NAME] or "input"
        while name == "input" or name.startswith("cnnx.") or name in images:
            name = f"{name.removeprefix('cnnx.')}_1"
        images[name] = each.image
    return images


def _image(shape: Shape) -> Input:
    """Input of a shape that is only tried, without the warning that it may be channels first."""
    image = Input((1, 1, 1))
    image.shape = shape
    return image


def _image_shape(
    order: str, declared: Sequence[int | str | None], wanted: Shape | None
) -> Shape | None:
    """(height, width, channels) with this order; None if a size is open or is another."""
    sizes = {"H": 1, "W": 1, "C": 1}
    if wanted and order[1] == "H" and wanted[0] != declared[1] and _is_channels_first(declared):
        return None
    for label, size in zip(order, declared, strict=True):
        if label == "N":
            continue
        own = wanted["HWC".index(label)] if wanted else None
        if isinstance(size, int) and own not in (None, size) and label == "C":
            return None
        known = size if own is None else own
        if not isinstance(known, int):
            return None
        sizes[label] = known
    if max(sizes.values()) > _MOST_PIXELS:
        return None
    shape = (sizes["H"], sizes["W"], sizes["C"])
    return shape if wanted is None or shape == tuple(wanted) else None


def _is_channels_last(declared: Sequence[int | str | None]) -> bool:
    """Whether the last axis looks like that of the channels, and the second does not."""
    return declared[-1] in _CHANNELS and declared[1] not in _CHANNELS


def _is_channels_first(declared: Sequence[int | str | None]) -> bool:
    """Whether the second axis looks like that of the channels, and the last does not."""
    return len(declared) == 4 and declared[1] in _CHANNELS and declared[-1] not in _CHANNELS


def _misfit(value: Value, input_shape: Shape | None) -> str:
    assert value.shape is not None
    shape = f"({', '.join('?' if each is None else str(each) for each in value.shape)})"
    if input_shape is not None:
        return f"its input has shape {shape}, which does not fit input_shape={input_shape}"
    return (
        f"its input has shape {shape}, expected sizes: give them, "
        "input_shape=(height, width, channels)"
    )
