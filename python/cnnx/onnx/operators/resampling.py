"""Padding and resizing of ONNX as layers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx import layers
from cnnx._core import FormatError
from cnnx.onnx.affine import shifted
from cnnx.onnx.arrangement import axes_as_stored, rows_of, with_width
from cnnx.onnx.axes import Activation, axis_index, pixel_label, whole
from cnnx.onnx.call import Call, Operator, integers_in
from cnnx.onnx.graph import Array
from cnnx.onnx.layout import channels_first_image
from cnnx.onnx.operators.cropping import selected
from cnnx.onnx.refusal import RefusedError

Sides: TypeAlias = "tuple[tuple[int, int], tuple[int, int]]"  # (top, bottom), (left, right)


def _pad(call: Call) -> Activation:
    """Pads are an attribute before operator set 11, an input since then."""
    value = _image(call)
    rank = len(value.axes)
    pads = call.integers_of(1, "pads") or []
    axes = list(range(rank))
    if call.optional(3) is not None:
        axes = [axis_index(axis, rank) for axis in integers_in(call.constant(3))]
    if len(pads) != 2 * len(axes):
        raise FormatError(f"has {len(pads)} pads for {len(axes)} axes")
    around = [*zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True)]
    if call.word("mode", "constant") != "constant" or min(pads, default=0) < 0:
        # Constants can be added to any axis.
        value = _with_pixels(call, value, [axis for axis, *sides in around if any(sides)])
    places: dict[str, int] = {}
    sides = {"H": (0, 0), "W": (0, 0)}
    inner: dict[int, range] = {}  # rows and columns that negative pads leave
    others: list[tuple[int, tuple[int, int]]] = []  # axes without pixels, and their pads
    for axis, before, after in around:
        if min(before, after) >= 0 < max(before, after) and _label_if_any(value, axis) is None:
            others.append((axis, (before, after)))
        elif before or after:
            label = _label(value, axis)
            places[label], sides[label] = axis, (max(before, 0), max(after, 0))
            if min(before, after) < 0:
                size = value.size(label)
                inner[axis] = range(max(-before, 0), size - max(-after, 0))
    if not all(inner.values()):
        raise RefusedError(f"its pads are {pads}, which leave nothing of the image")
    if inner:
        value = selected(call, value, inner)
    value = _padded(call, value, (sides["H"], sides["W"]), places)
    for axis, pair in others:
        value = _padded_elsewhere(call, value, axis, pair)
    return value


def _image(call: Call) -> Activation:
    """The input, of features with the axes of an image the image of one pixel."""
    value = call.activation()
    is_flat = len(value.shape) == 1 and len(value.axes) == 4
    return channels_first_image(call.network, value) if is_flat else value


def _with_pixels(call: Call, value: Activation, axes: Collection[int]) -> Activation:
    """The activation with pixels as its last two axes, if these are among them and are none yet."""
    missing = any(_label_if_any(value, axis) is None for axis in axes)
    if missing and len(value.axes) == 4 and set(axes) <= {2, 3}:
        return channels_first_image(call.network, value)
    return value


def _padded(call: Call, value: Activation, padding: Sides, places: Mapping[str, int]) -> Activation:
    """The image with pixels around it, its axes of pixels in `places`."""
    mode, number = call.word("mode", "constant"), 0.0
    if padding == ((0, 0), (0, 0)):
        return value
    if mode == "constant":
        number = _padding_number(call)
        layer: layers.Layer = layers.ZeroPad2d(padding)
    elif mode in ("reflect", "edge"):
        layer = layers.Pad2d(padding, mode=mode)
    else:
        raise RefusedError(f"pads in mode {mode}, expected constant, reflect or edge")
    size = (value.size("H") + sum(padding[0]), value.size("W") + sum(padding[1]))
    if number == 0:
        return _resized(value, call.network.add(layer, value.symbol), size, places)
    # Another number than zero by a shift before and after.
    shift = np.full(value.channels, number)
    before = shifted(call.network, value, -shift)
    done = _resized(before, call.network.add(layer, before.symbol), size, places)
    return shifted(call.network, done, shift)


def _padded_elsewhere(
    call: Call, value: Activation, axis: int, sides: tuple[int, int]
) -> Activation:
    """Any axis with zeros, or another number, before and after it."""
    if call.word("mode", "constant") != "constant":
        raise RefusedError("mirrors or repeats another axis than the height and the width")
    number = _padding_number(call)
    image = with_width(call.network, value, axis)
    symbol = call.network.add(layers.ZeroPad2d(((0, 0), sides)), image.symbol)
    height, width, channels = image.shape
    count = width + sum(sides)
    axes = list(image.axes)
    axes[axis] = whole("W", count)
    done = image.computed(symbol, (height, count, channels), axes)
    if number == 0:
        return done
    numbers = np.full((count, channels), number)
    numbers[sides[0] : sides[0] + width] = 0
    order = axes_as_stored(done)
    rows = rows_of(call.network, done, order[order.index(axis) :])
    return shifted(call.network, rows, numbers.reshape(-1))


def _padding_number(call: Call) -> float:
    """The number that a Pad of the mode constant pads with."""
    given, byte_scale = call.optional(2), call.activation().byte_scale
    if byte_scale is not None:
        if given is None or given.size != 1:
            raise RefusedError("pads bytes without a number, expected that of the padding")
        return byte_scale.real(given)
    number = call.number("value", 0) if given is None or not given.size else given.flat[0]
    if not np.isfinite(number):
        raise RefusedError(f"pads with {number}, expected a finite number")
    return float(number)


def _label(value: Activation, axis: int) -> str:
    """Label of an axis of pixels, also of one pixel."""
    label = _label_if_any(value, axis)
    if label is None:
        raise RefusedError("pads or resizes another axis than the height and the width")
    return label


def _label_if_any(value: Activation, axis: int) -> str | None:
    label = pixel_label(value, axis)
    if label is None and len(value.shape) == 3 and axis in (2, 3) and value.axes[axis] == ():
        place = "HW"[axis - 2]
        return place if value.size(place) == 1 else None
    return label


def _resized(
    value: Activation, symbol: Any, size: tuple[int, int], places: Mapping[str, int]
) -> Activation:
    """Result of a layer that changes the size of an image along the axes in `places`."""
    axes = list(value.axes)
    for label, axis in places.items():
        axes[axis] = whole(label, size["HW".index(label)])
    return value.computed(symbol, (*size, value.channels), axes)


def repeated_pixels(
    call: Call, value: Activation, axis: int, places: Sequence[int]
) -> Activation | None:
    """The image with the rows or columns in a list, if it is that of the nearest mode to a size.

    cnnx writes such a list where the coordinates of Resize, which are float32, round otherwise.
    """
    label = pixel_label(value, axis)
    before = value.onnx_shape[axis]
    if label is None or list(places) != [k * before // len(places) for k in range(len(places))]:
        return None
    height, width = (len(places) if each == label else value.size(each) for each in "HW")
    layer = layers.Upsample2d(size=(height, width))
    symbol = call.network.add(layer, value.symbol)
    return _resized(value, symbol, (height, width), {label: axis})


def _upsample(call: Call) -> Activation:
    """Operator of sets 7 to 9, whose nearest mode takes the pixel before."""
    value = _image(call)
    scales = call.optional(1)
    if scales is None:
        given = call.node.attributes.get("scales", [])
        scales = np.array(given, np.float64)
    mode = "linear" if call.word("mode", "nearest") in ("linear", "bilinear") else "nearest"
    return _resampled(call, value, _sizes(value, scales, None), scales, mode, "asymmetric", "floor")


def _resize(call: Call) -> Activation:
    value = _image(call)
    old = call.opset < 11
    scales, sizes = (call.optional(1), None) if old else (call.optional(2), call.optional(3))
    for name, plain in (("antialias", 0), ("exclude_outside", 0)):
        if call.integer(name, plain):
            raise RefusedError(f"its {name} is on")
    policy = call.word("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch":
        raise RefusedError(f"its keep_aspect_ratio_policy is {policy}, expected stretch")
    rank = len(value.axes)
    axes = [axis_index(axis, rank) for axis in call.integers("axes", range(rank))]
    scales = _over_all_axes(scales, axes, np.ones(rank))
    sizes = _over_all_axes(sizes, axes, np.array(value.onnx_shape))
    coordinates = call.word("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    rounding = call.word("nearest_mode", "floor" if old else "round_prefer_floor")
    mode = call.word("mode", "nearest")
    return _resampled(
        call, value, _sizes(value, scales, sizes), scales, mode, coordinates, rounding
    )


def _over_all_axes(given: Array | None, axes: list[int], rest: Array) -> Array | None:
    """Scales or sizes of every axis; None if they are not given."""
    if given is None or given.size == 0:
        return None
    if given.shape != (len(axes),):
        raise FormatError(f"has scales or sizes of shape {given.shape} for {len(axes)} axes")
    values = rest.astype(np.float64)
    values[axes] = given
    return values


def _sizes(value: Activation, scales: Array | None, sizes: Array | None) -> list[int]:
    if sizes is not None:
        return [int(each) for each in sizes]
    if scales is None or scales.shape != (len(value.axes),) or not np.all(np.isfinite(scales)):
        raise FormatError("has neither scales nor sizes of every axis")
    # In float32, as in PyTorch and ONNX Runtime: 10 times 0.7 is 7.
    return [int(each) for each in np.array(value.onnx_shape, np.float32) * np.float32(scales)]


def _resampled(
    call: Call,
    value: Activation,
    sizes: list[int],
    scales: Array | None,
    mode: str,
    coordinates: str,
    rounding: str,
) -> Activation:
    """An image of another size, if cnnx's layer reads the same pixels as ONNX's rule."""
    changed = [
        axis
        for axis, (before, after) in enumerate(zip(value.onnx_shape, sizes, strict=True))
        if before != after or (scales is not None and scales[axis] != 1)
    ]
    if changed and value.byte_scale is not None and mode != "nearest":
        raise RefusedError(f"its mode is {mode}, expected nearest for bytes of a QuantizeLinear")
    value = _with_pixels(call, value, changed)
    old = (value.size("H"), value.size("W"))
    size = list(old)
    places: dict[str, int] = {}
    steps = [1.0, 1.0]  # of the scale that the rule of coordinates uses
    # Of aligned corners, PyTorch and ONNX Runtime use the rounded size, and ONNX does not round.
    rounds = coordinates == "align_corners" and call.producer == "pytorch"
    for axis in changed:
        before, after = value.onnx_shape[axis], sizes[axis]
        label = _label(value, axis)
        at, places[label] = "HW".index(label), axis
        size[at] = after
        steps[at] = after / before if scales is None or rounds else float(scales[axis])
    if min(size) < 1 or max(size) > 1 << 24:
        raise FormatError(f"resizes {value.onnx_shape} to {sizes}")
    if tuple(size) == old:
        return value
    settings: dict[str, Any] = {"mode": "nearest" if mode == "nearest" else "bilinear"}
    if mode == "linear" and coordinates == "align_corners":
        settings["align_corners"] = True
    elif mode not in ("nearest", "linear"):
        raise RefusedError(f"its mode is {mode}, expected nearest or linear")
    layer_sizes = []  # before and after the layer, of each axis
    for before, after, step in zip(old, size, steps, strict=True):
        rule = (before, after, step, mode, coordinates, rounding)
        pair = (before, after)
        if value.byte_scale is None and not _reads_alike(pair, *rule):
            pair = _whole_sizes(before, step)  # of which the image is a part
        if not _reads_alike(pair, *rule):
            raise RefusedError(
                f"reads other pixels than cnnx: mode {mode}, {coordinates}"
                + (f", {rounding}" if mode == "nearest" else "")
            )
        layer_sizes.append(pair)
    (height, new_height), (width, new_width) = layer_sizes
    symbol = value.symbol
    if (height, width) != old:
        padding = ((0, height - old[0]), (0, width - old[1]))
        symbol = call.network.add(layers.Pad2d(padding, mode="edge"), symbol)
    if new_height % height == new_width % width == 0 and len(settings) == 1:
        layer = layers.Upsample2d((new_height // height, new_width // width), **settings)
    else:
        layer = layers.Upsample2d(size=(new_height, new_width), **settings)
    symbol = call.network.add(layer, symbol)
    done = _resized(value, symbol, (new_height, new_width), places)
    parts = {axis: range(sizes[axis]) for axis in changed if done.onnx_shape[axis] != sizes[axis]}
    return selected(call, done, parts) if parts else done


def _whole_sizes(before: int, step: float) -> tuple[int, int]:
    """A size above `before` whose product with the scale is nearly whole, and this product."""
    sizes = np.arange(before + 1, before + 101)
    products = sizes * step
    found = np.argmax(np.abs(products - np.rint(products)) < 1e-7 * products)  # of float32
    return int(sizes[found]), max(1, round(float(products[found])))


def _reads_alike(own: tuple[int, int], before: int, after: int, step: float, *rule: str) -> bool:
    """Whether ONNX's rule reads the same places along one axis as cnnx's layer of two sizes."""
    mode, coordinates, rounding = rule
    index, last = np.arange(after, dtype=np.float64), before - 1
    places = _places(index, before, step, coordinates)
    if places is None:
        return False
    if mode == "linear":
        own_places = (index + 0.5) * own[0] / own[1] - 0.5
        if coordinates == "align_corners":
            own_places = np.linspace(0, before - 1, after)
        return np.allclose(places.clip(0, last), own_places.clip(0, last), atol=1e-5)
    rounded = {
        "floor": np.floor(places),
        "ceil": np.ceil(places),
        "round_prefer_floor": np.ceil(places - 0.5),
        "round_prefer_ceil": np.floor(places + 0.5),
    }.get(rounding)
    if rounded is None:
        return False
    own_places = np.floor(index * own[0] / own[1])
    return bool(np.all(rounded.clip(0, last) == own_places.clip(0, last)))


def _places(
    index: NDArray[np.float64], before: int, step: float, coordinates: str
) -> NDArray[np.float64] | None:
    """Places in the image before that ONNX's rule of coordinates reads; None for other rules."""
    if coordinates == "align_corners":
        return np.multiply(index, (before - 1) / max(before * step - 1, 1e-9))
    if coordinates == "asymmetric":
        places = np.divide(index, step)
        whole_places = np.rint(places)  # which a quotient of floats misses by its rounding
        return np.where(np.abs(places - whole_places) < 1e-9 * (1 + places), whole_places, places)
    if coordinates == "pytorch_half_pixel" and len(index) == 1:
        return np.zeros_like(index)
    if coordinates in ("half_pixel", "pytorch_half_pixel"):
        return np.subtract(np.divide(index + 0.5, step), 0.5)
    return None


OPERATORS: dict[str, Operator] = {
    "Pad": _pad,
    "Resize": _resize,
    "Upsample": _upsample,
}
