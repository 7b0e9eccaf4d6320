"""Receptive field of a fully convolutional network: the pixels that an output depends on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from cnnx import _core
from cnnx.model.windows import sides_of, windows_of


class ReceptiveField(NamedTuple):
    """Positions along one axis that the outputs of a layer, or of several, depend on.

    Output i depends on the positions from i * stride + first to i * stride + last. Where these lie
    outside the image they are padding.

    Attributes:
        stride: positions per output, below 1 where the outputs are finer than the image.
        first: first position of output 0, or a lower bound.
        last: last position of output 0, or an upper bound.
    """

    stride: Fraction
    first: Fraction
    last: Fraction

    def followed_by(self, layer: ReceptiveField) -> ReceptiveField:
        """The field of a layer that reads outputs of this field."""
        return ReceptiveField(
            self.stride * layer.stride,
            self.first + self.stride * layer.first,
            self.last + self.stride * layer.last,
        )


class Network(NamedTuple):
    """Receptive field of a network along height and width.

    Attributes:
        fields: fields of the output.
        grids: numbers of pixels. An image that is shifted by a multiple of them has the same
            windows in every layer, shifted by whole steps.
    """

    fields: tuple[ReceptiveField, ReceptiveField]
    grids: tuple[int, int]


_Settings: TypeAlias = "dict[str, Any]"
_Shape: TypeAlias = "tuple[int, ...]"
_FieldOf: TypeAlias = "Callable[[_Settings, _Shape, _Shape, int], ReceptiveField | None]"
_PIXEL = ReceptiveField(Fraction(1), Fraction(0), Fraction(0))


def network_of(core: _core.Model, function: str) -> Network:
    """Receptive field of the output of a model.

    Args:
        core: model.
        function: named in errors.

    Raises:
        ValueError: if a layer is not known to be the same function of nearby pixels everywhere.
    """
    fields = {"input": (_PIXEL, _PIXEL)}
    shapes = {"input": tuple(core.input_shape)}
    shapes.update((name, tuple(shape)) for name, _, shape, _ in core.layer_infos)
    grids = [1, 1]
    for kind, settings, name, inputs, _ in core.layers:
        along = []
        for axis in (0, 1):
            before = _joined([fields[each][axis] for each in inputs])
            same_sizes = len({shapes[each][:2] for each in inputs}) == 1
            own = None
            if before and same_sizes and kind in _FIELDS:
                own = _FIELDS[kind](settings, shapes[inputs[0]], shapes[name], axis)
            if before is None or own is None:
                known = {each["name"] for each in _core.layer_kinds()}
                why = "is not the same function of nearby pixels everywhere"
                if kind not in known:
                    why = "has functions of its own, which read unknown pixels"
                raise ValueError(
                    f"{function}: layer {name} {why}, expected a fully convolutional model"
                )
            along.append(before.followed_by(own))
            grids[axis] = math.lcm(grids[axis], along[axis].stride.numerator)
        fields[name] = (along[0], along[1])
    return Network(fields[name], (grids[0], grids[1]))


def _joined(fields: Sequence[ReceptiveField]) -> ReceptiveField | None:
    """The field of all inputs of a layer, or None if their strides differ."""
    if len({field.stride for field in fields}) > 1:
        return None
    return ReceptiveField(
        fields[0].stride, min(each.first for each in fields), max(each.last for each in fields)
    )


def _pointwise(*_: object) -> ReceptiveField:
    return _PIXEL


def _windows(settings: _Settings, x: _Shape, y: _Shape, axis: int) -> ReceptiveField:
    windows = windows_of(settings, x, y)
    first = -windows.padding[axis]
    extent = (windows.kernel[axis] - 1) * windows.dilation[axis]
    return _whole(windows.stride[axis], first, first + extent)


def _conv_transpose2d(settings: _Settings, x: _Shape, y: _Shape, axis: int) -> ReceptiveField:
    stride = settings["stride"][axis]
    extent = (settings["kernel_size"][axis] - 1) * settings["dilation"][axis]
    total = [max(extent + 1 - stride, 0)] * 2
    padding = sides_of(settings["padding"], total)[axis]
    return ReceptiveField(
        Fraction(1, stride), Fraction(padding - extent, stride), Fraction(padding, stride)
    )


def _padding(settings: _Settings, x: _Shape, y: _Shape, axis: int) -> ReceptiveField:
    before = settings["padding"][2 * axis]  # top, bottom, left, right
    return _whole(1, -before, -before)


def _cropping(settings: _Settings, x: _Shape, y: _Shape, axis: int) -> ReceptiveField:
    # Positions beyond the cropped image, which later layers pad, have to lie beyond the whole one.
    return _whole(1, 0, sum(settings["cropping"][2 * axis : 2 * axis + 2]))


def _upsample2d(settings: _Settings, x: _Shape, y: _Shape, axis: int) -> ReceptiveField | None:
    if settings.get("align_corners") or any(settings.get("size", ())):
        return None  # the distance of outputs depends on the size of the image
    factor = settings["scale_factor"][axis]
    if settings["mode"] == "nearest":
        return _finer(factor)
    centre = Fraction(1, 2 * factor) - Fraction(1, 2)  # of output 0; both neighbours are read
    return ReceptiveField(Fraction(1, factor), centre - 1, centre + 1)


def _depth_to_space(settings: _Settings, x: _Shape, y: _Shape, axis: int) -> ReceptiveField:
    return _finer(settings["block_size"])


def _space_to_depth(settings: _Settings, x: _Shape, y: _Shape, axis: int) -> ReceptiveField:
    return _whole(settings["block_size"], 0, settings["block_size"] - 1)


def _finer(factor: int) -> ReceptiveField:
    """Output i reads i // factor."""
    return ReceptiveField(Fraction(1, factor), Fraction(1 - factor, factor), Fraction(0))


def _whole(stride: int, first: int, last: int) -> ReceptiveField:
    return ReceptiveField(Fraction(stride), Fraction(first), Fraction(last))


_POINTWISE = [
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "sigmoid",
    "tanh",
    "softsign",
    "reciprocal",
    "gelu",
    "silu",
    "mish",
    "hard_swish",
    "relu6",
    "clip",
    "softplus",
    "hard_sigmoid",
    "hard_shrink",
    "soft_shrink",
    "prelu",
    "quantize",
    "scale2d",
    "channel_shuffle",
    "slice_channels",
    "batch_norm2d",
    "layer_norm",
    "l2_norm",
    "rms_norm",
    "lrn",
    "dropout",
    "add",
    "multiply",
    "maximum",
    "concat",
    "softmax",
    "log_softmax",
]
# By the kind of layer; the field of a layer on an input of shape x with an output of shape y.
_FIELDS: dict[str, _FieldOf] = {
    **dict.fromkeys(_POINTWISE, _pointwise),
    **dict.fromkeys(("conv2d", "max_pool2d", "avg_pool2d"), _windows),
    **dict.fromkeys(("zero_pad2d", "pad2d"), _padding),
    "crop2d": _cropping,
    "conv_transpose2d": _conv_transpose2d,
    "upsample2d": _upsample2d,
    "depth_to_space": _depth_to_space,
    "space_to_depth": _space_to_depth,
}
