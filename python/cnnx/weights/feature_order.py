"""Order of the features after a flatten: PyTorch flattens channels first, cnnx channels last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx import _core

# Number of each feature of cnnx among those of PyTorch; None if the numbers are equal.
FeatureOrder: TypeAlias = "NDArray[np.intp] | None"

# Kinds whose features have an order of their own, whatever the order of their input.
_NEW_FEATURES = ("dense", "global_avg_pool2d")
# Kinds whose result depends on which features are neighbours.
_BY_POSITION = ("group_norm", "lrn", "channel_shuffle", "slice_channels", "input_part")


def feature_orders(core: _core.Model) -> dict[str, FeatureOrder]:
    """Order of the features that every layer reads along the last axis of its first input.

    `features_of_pytorch[order]` are the features of cnnx.

    Raises:
        ValueError: if a layer reads flattened features by position, which no order of weights can
            make equal to PyTorch's, or makes an image of features in another order than PyTorch.
    """
    shapes = {"input": tuple(core.input_shape)}
    shapes.update({name: tuple(shape) for name, _, shape, _ in core.layer_infos})
    outputs: dict[str, FeatureOrder] = {"input": None}
    inputs: dict[str, FeatureOrder] = {}
    for kind, _, name, sources, _ in core.layers:
        inputs[name] = outputs[sources[0]]
        if kind in _BY_POSITION and inputs[name] is not None:
            raise ValueError(
                f"load_into: {name} ({kind}) reads flattened features by position, and PyTorch "
                "flattens them in another order, expected the layer before the Flatten"
            )
        if kind == "reshape" and len(shapes[sources[0]]) == 1:
            _check_image_of_features(name, shapes[name], inputs[name])
        if kind == "flatten":
            outputs[name] = _flattened(shapes[sources[0]], outputs[sources[0]])
        elif kind in _NEW_FEATURES or len(shapes[name]) > 1:
            outputs[name] = None
        elif kind == "concat":
            outputs[name] = _joined([(outputs[each], shapes[each][0]) for each in sources])
        else:
            outputs[name] = outputs[sources[0]]
    return inputs


def _check_image_of_features(name: str, shape: tuple[int, ...], order: FeatureOrder) -> None:
    numbers = np.arange(math.prod(shape))
    own = numbers if order is None else order
    pytorch = _flattened(shape, None)
    if not np.array_equal(own, numbers if pytorch is None else pytorch):
        raise ValueError(
            f"load_into: {name} (reshape) makes an image of features with the channels last, and "
            "PyTorch with the channels first, expected an ONNX file of the network: "
            "cnnx.onnx.load(file)"
        )


def _flattened(shape: tuple[int, ...], order: FeatureOrder) -> FeatureOrder:
    if len(shape) == 1:
        return order
    height, width, channels = shape
    if height * width == 1:
        return None
    numbers = np.arange(channels * height * width).reshape(channels, height, width)
    return numbers.transpose(1, 2, 0).reshape(-1)


def _joined(parts: Sequence[tuple[FeatureOrder, int]]) -> FeatureOrder:
    """Order of concatenated features, from the orders and the counts of the parts."""
    if all(order is None for order, _ in parts):
        return None
    numbers, begin = [], 0
    for order, count in parts:
        numbers.append(begin + (np.arange(count) if order is None else order))
        begin += count
    return np.concatenate(numbers)
