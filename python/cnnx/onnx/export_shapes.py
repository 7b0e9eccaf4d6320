"""Export of dense layers, merges, and the layers that move or repeat pixels and channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cnnx.onnx.export_activations import Exporter
from cnnx.onnx.export_weights import weights_of
from cnnx.onnx.graph_builder import LayerExport, Order, Signal


def _dense(layer: LayerExport) -> Signal:
    order = layer.inputs[0].order
    rows = slice(None) if order is None else order
    weights = weights_of(layer, lambda array: array[rows], axis=1)
    return layer.last("Gemm", layer.x, *weights)


def _dropout(layer: LayerExport) -> Signal:
    """In inference the output is the input."""
    return layer.inputs[0]


def _flatten(layer: LayerExport) -> Signal:
    """The graph has the features in the order C, H, W, where the weights that read them can."""
    source = layer.inputs[0]
    if not source.is_image:
        return source
    height, width, channels = source.shape
    if channels == 1 or height == width == 1:
        return layer.moved("Flatten", axis=1)
    if not layer.order_is_absorbed:
        x = layer.node("Transpose", source.name, perm=[0, 2, 3, 1])
        return layer.last("Flatten", x, axis=1)
    order: Order = np.arange(height * width * channels).reshape(source.shape)
    return replace(layer.moved("Flatten", axis=1), order=order.transpose(2, 0, 1).ravel())


def _reshape(layer: LayerExport) -> Signal:
    """Of the numbers in the order of cnnx."""
    height, width, channels = layer.output_shape
    x = layer.x
    if layer.inputs[0].is_image:
        x = layer.node("Transpose", x, perm=[0, 2, 3, 1])
    x = layer.node("Reshape", x, layer.integers("shape", [0, height, width, channels]))
    return layer.last("Transpose", x, perm=[0, 3, 1, 2])


def _parameter(layer: LayerExport) -> Signal:
    """Repeated for every image of the batch, whose number is that of the input."""
    weight = layer.parameter("weight", lambda array: array.transpose(2, 0, 1)[np.newaxis])
    count = layer.node("Shape", layer.x, end=1)
    ones = layer.integers("ones", [1, 1, 1])
    return layer.last("Expand", weight, layer.node("Concat", count, ones, axis=0))


def _add(layer: LayerExport) -> Signal:
    names = [each.name for each in layer.inputs]
    return layer.last("Add" if len(names) == 2 else "Sum", *names)


def _maximum(layer: LayerExport) -> Signal:
    return layer.last("Max", *[each.name for each in layer.inputs])


def _multiply(layer: LayerExport) -> Signal:
    image, factor = layer.inputs
    name = factor.name
    if image.is_image and not factor.is_image:
        name = layer.node("Reshape", name, layer.integers("shape", [0, layer.channels, 1, 1]))
    return layer.last("Mul", image.name, name)


# From an image of the graph, (batch, channels, height, width), to matrices in their rows and back.
_MATRICES, _TRANSPOSED_MATRICES, _IMAGE = [0, 2, 3, 1], [0, 2, 1, 3], [0, 3, 1, 2]


def _matmul(layer: LayerExport) -> Signal:
    transposed = layer.settings["transposed"]
    matrices = [
        layer.node(
            "Transpose",
            each.name,
            perm=_TRANSPOSED_MATRICES if transposed == place else _MATRICES,
        )
        for each, place in zip(layer.inputs, ("first", "second"), strict=True)
    ]
    return layer.last("Transpose", layer.node("MatMul", *matrices), perm=_IMAGE)


def _concat(layer: LayerExport) -> Signal:
    return layer.last("Concat", *[each.name for each in layer.inputs], axis=1)


def _pad(layer: LayerExport, mode: str) -> Signal:
    top, bottom, left, right = layer.settings["padding"]
    pads = layer.integers("pads", [0, 0, top, left, 0, 0, bottom, right])
    return layer.last("Pad", layer.x, pads, mode=mode)


def _zero_pad2d(layer: LayerExport) -> Signal:
    return _pad(layer, "constant")


def _pad2d(layer: LayerExport) -> Signal:
    return _pad(layer, layer.settings["mode"])


def _crop2d(layer: LayerExport) -> Signal:
    if layer.inputs[0].shape == layer.output_shape:
        return layer.inputs[0]
    top, _, left, _ = layer.settings["cropping"]
    height, width, _ = layer.output_shape
    return layer.moved(
        "Slice",
        layer.integers("start", [top, left]),
        layer.integers("stop", [top + height, left + width]),
        layer.integers("axes", [2, 3]),
    )


def _nearest_rows(size: int, count: int) -> Order:
    """Row of the image that each row of an enlarged image repeats."""
    return np.arange(count) * size // count


def _rounds_to(rows: Order, size: int) -> bool:
    """Whether the coordinates of ONNX Runtime, which are float32, round down to these rows."""
    scale = np.float32(len(rows)) / np.float32(size)
    return bool(np.array_equal(np.floor(np.arange(len(rows), dtype=np.float32) / scale), rows))


def _nearest(layer: LayerExport) -> Signal:
    """A list of rows and one of columns stand for factors whose coordinates round otherwise."""
    in_size, out_size = layer.inputs[0].shape[:2], layer.output_shape[:2]
    places = [_nearest_rows(*sizes) for sizes in zip(in_size, out_size, strict=True)]
    if all(_rounds_to(*each) for each in zip(places, in_size, strict=True)):
        rule = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return _resized(layer, mode="nearest", **rule)
    rows = layer.node("Gather", layer.x, layer.constant("rows", places[0]), axis=2)
    return layer.last("Gather", rows, layer.constant("columns", places[1]), axis=3)


def _upsample2d(layer: LayerExport) -> Signal:
    if layer.inputs[0].shape == layer.output_shape:
        return layer.inputs[0]
    if layer.settings["mode"] == "nearest":
        return _nearest(layer)
    place = "align_corners" if layer.settings.get("align_corners", False) else "half_pixel"
    return _resized(layer, mode="linear", coordinate_transformation_mode=place)


def _resized(layer: LayerExport, **attributes: str) -> Signal:
    """By factors, where they are whole, or to a size.

    Not with the attribute `axes` of opset 18, with which ONNX Runtime moves the transposition of
    the input behind the operator without moving the sizes.
    """
    in_size, out_size = layer.inputs[0].shape[:2], layer.output_shape[:2]
    factors = [out // size for out, size in zip(out_size, in_size, strict=True)]
    if all(
        size * factor == out for size, factor, out in zip(in_size, factors, out_size, strict=True)
    ):
        scales = layer.constant("scales", np.array([1, 1, *factors], np.float32))
        return layer.last("Resize", layer.x, "", scales, **attributes)
    sizes = layer.integers("sizes", out_size)
    sizes = layer.node("Concat", layer.node("Shape", layer.x, end=2), sizes, axis=0)
    return layer.last("Resize", layer.x, "", "", sizes, **attributes)


def _slice_channels(layer: LayerExport) -> Signal:
    return layer.last(
        "Slice",
        layer.x,
        layer.integers("start", [layer.settings["start"]]),
        layer.integers("stop", [layer.settings["stop"]]),
        layer.integers("axis", [1]),
    )


def _input_part(layer: LayerExport) -> Signal:
    """Of an input that is no model's own: a part of the list in the order of cnnx."""
    height, width, channels = layer.output_shape
    begin = layer.settings["offset"]
    x = layer.x
    if layer.inputs[0].is_image:
        x = layer.node("Flatten", layer.node("Transpose", x, perm=[0, 2, 3, 1]), axis=1)
    x = layer.node(
        "Slice",
        x,
        layer.integers("start", [begin]),
        layer.integers("stop", [begin + height * width * channels]),
        layer.integers("axis", [1]),
    )
    x = layer.node("Reshape", x, layer.integers("shape", [0, height, width, channels]))
    return layer.last("Transpose", x, perm=[0, 3, 1, 2])


def _channel_shuffle(layer: LayerExport) -> Signal:
    """Groups and the channels of a group change places."""
    groups, height_width = int(layer.settings["groups"]), layer.output_shape[:-1]
    parts = [0, groups, layer.channels // groups, *height_width]
    x = layer.node("Reshape", layer.x, layer.integers("groups", parts))
    x = layer.node("Transpose", x, perm=[0, 2, 1, *range(3, len(parts))])
    return layer.last("Reshape", x, layer.integers("shape", [0, layer.channels, *height_width]))


def _depth_to_space(layer: LayerExport) -> Signal:
    settings = layer.settings
    return layer.last(
        "DepthToSpace", layer.x, blocksize=int(settings["block_size"]), mode=settings["mode"]
    )


def _space_to_depth(layer: LayerExport) -> Signal:
    """The operator has no mode: its channels are those of "DCR"."""
    block = int(layer.settings["block_size"])
    if layer.settings["mode"] == "DCR":
        return layer.last("SpaceToDepth", layer.x, blocksize=block)
    height, width, channels = layer.output_shape
    parts = [0, layer.channels, height, block, width, block]
    x = layer.node("Reshape", layer.x, layer.integers("blocks", parts))
    x = layer.node("Transpose", x, perm=[0, 1, 3, 5, 2, 4])
    return layer.last("Reshape", x, layer.integers("shape", [0, channels, height, width]))


EXPORTERS: dict[str, Exporter] = {
    "add": _add,
    "channel_shuffle": _channel_shuffle,
    "concat": _concat,
    "crop2d": _crop2d,
    "dense": _dense,
    "depth_to_space": _depth_to_space,
    "dropout": _dropout,
    "flatten": _flatten,
    "input_part": _input_part,
    "matmul": _matmul,
    "maximum": _maximum,
    "multiply": _multiply,
    "pad2d": _pad2d,
    "parameter": _parameter,
    "reshape": _reshape,
    "slice_channels": _slice_channels,
    "space_to_depth": _space_to_depth,
    "upsample2d": _upsample2d,
    "zero_pad2d": _zero_pad2d,
}
