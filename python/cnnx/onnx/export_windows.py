"""Export of the layers that move windows over images: convolutions and pools."""

from __future__ import annotations

import math

import numpy as np

from cnnx.arguments import FloatArray
from cnnx.model.windows import Windows, sides_of, windows_of
from cnnx.onnx.export_activations import Exporter
from cnnx.onnx.export_weights import weights_of
from cnnx.onnx.graph import Array, Attribute
from cnnx.onnx.graph_builder import LayerExport, Signal

_DILATED_AVERAGES = 19  # first operator set with dilation in AveragePool


def _windows(layer: LayerExport) -> Windows:
    return windows_of(layer.settings, layer.inputs[0].shape, layer.output_shape)


def _as_onnx(weight: FloatArray) -> Array:
    """Weight in the axes of ONNX: (kernel height, kernel width, a, b) to (b, a, ...)."""
    return weight.transpose(3, 2, 0, 1)


def _conv2d(layer: LayerExport) -> Signal:
    windows = _windows(layer)
    return layer.last(
        "Conv",
        layer.x,
        *weights_of(layer, _as_onnx, axis=0),
        kernel_shape=windows.kernel,
        strides=windows.stride,
        dilations=windows.dilation,
        pads=windows.padding,
        group=layer.settings["groups"],
    )


def _conv_transpose2d(layer: LayerExport) -> Signal:
    """Of "same" the output is as large as the input times the stride."""
    settings = layer.settings
    beyond = list(settings["output_padding"])
    total = [0, 0]
    if settings["padding"] == "same":
        for axis in (0, 1):
            extent = (settings["kernel_size"][axis] - 1) * settings["dilation"][axis] + 1
            total[axis] = max(extent - settings["stride"][axis], 0)
            beyond[axis] = max(settings["stride"][axis] - extent, 0)
    return layer.last(
        "ConvTranspose",
        layer.x,
        *weights_of(layer, _as_onnx, axis=0),
        kernel_shape=settings["kernel_size"],
        strides=settings["stride"],
        dilations=settings["dilation"],
        pads=sides_of(settings["padding"], total),
        output_padding=beyond,
        group=settings["groups"],
    )


def _padded(layer: LayerExport, sides: list[int], value: str | None = None) -> str:
    """Add padding as a node of its own, with zeros or another number."""
    top, left, bottom, right = sides
    pads = layer.integers("pads", [0, 0, top, left, 0, 0, bottom, right])
    return layer.node("Pad", layer.x, pads, *([] if value is None else [value]))


def _fits(windows: Windows, sides: list[int]) -> bool:
    """Whether padding is less than the kernel, which ONNX Runtime expects also of dilated ones."""
    return all(side < windows.kernel[k % 2] for k, side in enumerate(sides))


def _rounding(windows: Windows, pads: list[int]) -> dict[str, Attribute]:
    """Padding with the rows of ceil_mode, as numbers if ONNX Runtime runs these."""
    sides = [*pads[:2], pads[2] + windows.beyond[0], pads[3] + windows.beyond[1]]
    return {"pads": sides} if _fits(windows, sides) else {"pads": pads, "ceil_mode": 1}


def _max_pool2d(layer: LayerExport) -> Signal:
    windows = _windows(layer)
    pads = windows.padding
    attributes: dict[str, Attribute] = {
        "kernel_shape": windows.kernel,
        "strides": windows.stride,
        "dilations": windows.dilation,
    }
    if _fits(windows, pads):
        return layer.moved("MaxPool", **attributes, **_rounding(windows, pads))
    x, pads = _padded(layer, pads, layer.number("lowest", -math.inf)), [0, 0, 0, 0]
    return layer.last("MaxPool", x, **attributes, **_rounding(windows, pads))


def _avg_pool2d(layer: LayerExport) -> Signal:
    """Rows that ceil_mode adds never count, so padding that does is a node of its own with them."""
    windows, x = _windows(layer), layer.x
    counts = layer.settings["count_include_pad"] and layer.settings["padding"] != "same"
    pads = windows.padding
    if counts and any(pads) and (any(windows.beyond) or not _fits(windows, pads)):
        x, pads = _padded(layer, pads), [0, 0, 0, 0]
    attributes = _rounding(windows, pads)
    if windows.dilation != [1, 1]:
        _check_dilation(layer, windows, pads)
        attributes["dilations"] = windows.dilation
    return layer.last(
        "AveragePool",
        x,
        kernel_shape=windows.kernel,
        strides=windows.stride,
        count_include_pad=int(counts and not any(windows.beyond)),
        **attributes,
    )


def _check_dilation(layer: LayerExport, windows: Windows, pads: list[int]) -> None:
    """Refuse dilated averages that ONNX cannot express.

    Raises:
        ValueError: if the operators are too old, or padding that does not count is too large.
    """
    dilation = tuple(windows.dilation)
    if layer.opset < _DILATED_AVERAGES:
        raise ValueError(
            f"save: {layer.name} has dilation {dilation}, which the operators of opset "
            f"{layer.opset} cannot express; type opset={_DILATED_AVERAGES}"
        )
    if not _fits(windows, pads):
        raise ValueError(
            f"save: {layer.name} has dilation {dilation} and padding {tuple(pads)} that is not "
            f"counted, expected padding below kernel_size, {tuple(windows.kernel)}, as in ONNX"
        )


def averages(size: int, outputs: int) -> FloatArray:
    """Matrix of shape (outputs, size) whose products are the means of the adaptive windows."""
    matrix = np.zeros((outputs, size), np.float32)
    for row in range(outputs):
        first, last = row * size // outputs, math.ceil((row + 1) * size / outputs)
        matrix[row, first:last] = 1 / (last - first)
    return matrix


def _adaptive_avg_pool2d(layer: LayerExport) -> Signal:
    height, width, _ = layer.inputs[0].shape
    rows, columns, _ = layer.output_shape
    if rows == columns == 1:
        return layer.last("GlobalAveragePool", layer.x)
    if height % rows == 0 and width % columns == 0:
        window = [height // rows, width // columns]
        return layer.last("AveragePool", layer.x, kernel_shape=window, strides=window)
    along_width = layer.constant("columns", averages(width, columns).T)
    along_height = layer.constant("rows", averages(height, rows))
    return layer.last("MatMul", along_height, layer.node("MatMul", layer.x, along_width))


def _global_avg_pool2d(layer: LayerExport) -> Signal:
    return layer.last("Flatten", layer.node("GlobalAveragePool", layer.x), axis=1)


EXPORTERS: dict[str, Exporter] = {
    "adaptive_avg_pool2d": _adaptive_avg_pool2d,
    "avg_pool2d": _avg_pool2d,
    "conv2d": _conv2d,
    "conv_transpose2d": _conv_transpose2d,
    "global_avg_pool2d": _global_avg_pool2d,
    "max_pool2d": _max_pool2d,
}
