"""Order of the features after a flatten: PyTorch flattens channels first, cnnx channels last."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnnx import _core

# Number of each feature of cnnx among those of PyTorch; None if the numbers are equal.
FeatureOrder: TypeAlias = "NDArray[np.intp] | None"

# Kinds whose features have an order of their own, whatever the order of their input.
_NEW_FEATURES = ("dense", "global_avg_pool2d")
# Kinds whose result depends on which features are neighbours.
_BY_POSITION = ("group_norm", "lrn", "channel_shuffle", "slice_channels", "input_part")


class FeatureOrders(NamedTuple):
    """Order of the features along the last axis of what a layer reads and of what it computes.

    `features_of_pytorch[order]` are the features of cnnx.

    Attributes:
        read: of its first input.
        computed: of its output, if it is a dense layer.
    """

    read: FeatureOrder
    computed: FeatureOrder


def feature_orders(core: _core.Model) -> dict[str, FeatureOrders]:
    """Order of the features of every layer.

    Raises:
        ValueError: if a layer reads flattened features by position, which no order of weights can
            make equal to PyTorch's, or makes an image of features in another order than PyTorch.
    """
    shapes = {"input": tuple(core.input_shape)}
    shapes.update({name: tuple(shape) for name, _, shape, _ in core.layer_infos})
    images = _orders_of_images(core, shapes)
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
            outputs[name] = images.get(name) if kind == "dense" else None
        elif kind == "concat":
            outputs[name] = _joined([(outputs[each], shapes[each][0]) for each in sources])
        else:
            outputs[name] = outputs[sources[0]]
    dense = {name for kind, _, name, *_ in core.layers if kind == "dense"}
    return {
        name: FeatureOrders(order, outputs[name] if name in dense else None)
        for name, order in inputs.items()
    }


def _orders_of_images(
    core: _core.Model, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, FeatureOrder]:
    """Order that the features of a layer have in cnnx, if an image is made of them.

    That is PyTorch's order of the channels, height and width of the image. Other layers that read
    the features must be dense, which take any order.
    """
    needs: dict[str, list[FeatureOrder]] = {core.layers[-1][2]: [None]}
    for kind, _, name, sources, _ in reversed(core.layers):
        own = needs.get(name, [])
        for source in sources:
            if kind == "reshape":
                needs.setdefault(source, []).append(_flattened(shapes[name], None))
            elif kind in (*_BY_POSITION, "concat"):
                needs.setdefault(source, []).append(None)
            elif kind not in ("dense", "parameter"):
                needs.setdefault(source, []).extend(own)
    return {
        name: orders[0]
        for name, orders in needs.items()
        if orders and all(np.array_equal(orders[0], each) for each in orders)  # type: ignore[arg-type]
    }


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
