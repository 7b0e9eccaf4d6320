"""Layers as recipes, without weights: each learns its input when the model is built."""

from __future__ import annotations

from typing import Any, ClassVar

from cnnx import _core
from cnnx.arguments import (
    PaddingLike,
    PairLike,
    is_integer,
    padding_sides,
    pair,
    real_number,
    shown,
)

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "Dense",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "MaxPool2d",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
]


class Layer:
    """A layer's kind, settings and name; the base of every layer.

    Attributes:
        kind: the word for it in files and default names, "conv2d".
        attributes: its settings as plain values.
        name: the user's name for it, or None for kind and ordinal.
    """

    kind: ClassVar[str]

    def __init__(self, attributes: dict[str, Any], name: str | None) -> None:
        """Checks the settings.

        Raises:
            ValueError: with one sentence that names the setting, what came and what was expected.
        """
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name is {name!r}, expected a string")
        if name == "":
            raise ValueError(f"{type(self).__name__}: name is empty, expected letters")
        self.attributes = attributes
        self.name = name
        _core.check_layer(self.kind, attributes)

    def __repr__(self) -> str:
        attributes = dict(self.attributes)
        if isinstance(attributes.get("padding"), list):
            top, bottom, left, right = attributes["padding"]
            attributes["padding"] = ((top, bottom), (left, right))  # as the constructor takes it
        settings = [f"{key}={value!r}" for key, value in attributes.items()]
        if self.name is not None:
            settings.append(f"name={self.name!r}")
        return f"{type(self).__name__}({', '.join(settings)})"


def _integer(value: object, layer: str, argument: str) -> int:
    if not is_integer(value):
        raise TypeError(f"{layer}: {argument} is {value!r}, expected an integer")
    return int(value)  # type: ignore[call-overload, no-any-return]


def _refuse_positional(unexpected: tuple[object, ...], layer: str, expected: str, why: str) -> None:
    """Answers what PyTorch's habit writes, Conv2d(3, 32, 3) or MaxPool2d(2, 2)."""
    if unexpected:
        more = ", ".join(shown(value) for value in unexpected)
        raise TypeError(f"{layer}: got {more} after {expected}, expected nothing there; {why}")


def _boolean(value: object, layer: str, argument: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{layer}: {argument} is {value!r}, expected True or False")
    return value


class Conv2d(Layer):
    """2-D convolution (cross-correlation): every filter lined up with every window, multiplied and
    added, plus a bias.

    ``output[n, i, j, o] = bias[o] + sum over h, w, c of
    x[n, i * stride + h * dilation - top, j * stride + w * dilation - left, c] * weight[h, w, c,
    o]``

    Args:
        out_channels: number of filters.
        kernel_size: an integer or (height, width).
        stride: step of the window, an integer or (height, width).
        padding: zeros around the picture: an integer, (height, width), ((top, bottom), (left,
            right)), "valid" (none) or "same" (output = ceil(input / stride)).
        dilation: distance between the filter's taps, an integer or (height, width).
        groups: splits channels into groups that do not see each other; divides both channel counts.
        bias: whether a number is added per filter.
        name: name in files and in `Model.layer_outputs`; "conv2d_1" and so on when None.

    Shape:
        (batch, height, width, in_channels) to (batch, out_height, out_width, out_channels);
        weight (kernel_height, kernel_width, in_channels / groups, out_channels), bias
        (out_channels,).

    Example:
        >>> Conv2d(32, 3, padding="same", name="edges").attributes["kernel_size"]
        [3, 3]
    """

    kind = "conv2d"

    def __init__(
        self,
        out_channels: int,
        kernel_size: PairLike,
        *unexpected: object,
        stride: PairLike = 1,
        padding: PaddingLike = 0,
        dilation: PairLike = 1,
        groups: int = 1,
        bias: bool = True,
        name: str | None = None,
    ) -> None:
        _refuse_positional(
            unexpected,
            "Conv2d",
            "out_channels and kernel_size",
            "in_channels is never given, the model knows it, and stride and the rest go by name",
        )
        super().__init__(
            {
                "out_channels": _integer(out_channels, "Conv2d", "out_channels"),
                "kernel_size": pair(kernel_size, "Conv2d", "kernel_size"),
                "stride": pair(stride, "Conv2d", "stride"),
                "padding": padding_sides(padding, "Conv2d"),
                "dilation": pair(dilation, "Conv2d", "dilation"),
                "groups": _integer(groups, "Conv2d", "groups"),
                "bias": _boolean(bias, "Conv2d", "bias"),
            },
            name,
        )


class Dense(Layer):
    """Fully connected layer: every output is a weighted vote of every input, ``x @ weight + bias``.

    Args:
        out_features: number of outputs.
        bias: whether a number is added per output.
        name: name in files; "dense_1" and so on when None.

    Shape:
        (batch, in_features) to (batch, out_features); weight (in_features, out_features), bias
        (out_features,).

    Example:
        >>> Dense(10)
        Dense(out_features=10, bias=True)
    """

    kind = "dense"

    def __init__(
        self, out_features: int, *unexpected: object, bias: bool = True, name: str | None = None
    ) -> None:
        _refuse_positional(
            unexpected,
            "Dense",
            "out_features",
            "in_features is never given, the model knows it",
        )
        super().__init__(
            {
                "out_features": _integer(out_features, "Dense", "out_features"),
                "bias": _boolean(bias, "Dense", "bias"),
            },
            name,
        )


class MaxPool2d(Layer):
    """The largest value in each window.

    Args:
        kernel_size: the window, an integer or (height, width).
        stride: step of the window; the window itself when None.
        padding: minus infinity around the picture, in every form `Conv2d` takes; each side smaller
            than the window.
        name: name in `Model.layer_outputs`; "max_pool2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, out_height, out_width, channels).

    Example:
        >>> MaxPool2d(2).attributes["stride"]
        [2, 2]
    """

    kind = "max_pool2d"

    def __init__(
        self,
        kernel_size: PairLike,
        *unexpected: object,
        stride: PairLike | None = None,
        padding: PaddingLike = 0,
        name: str | None = None,
    ) -> None:
        _refuse_positional(unexpected, "MaxPool2d", "kernel_size", "stride and the rest go by name")
        window = pair(kernel_size, "MaxPool2d", "kernel_size")
        super().__init__(
            {
                "kernel_size": window,
                "stride": window if stride is None else pair(stride, "MaxPool2d", "stride"),
                "padding": padding_sides(padding, "MaxPool2d"),
            },
            name,
        )


class AvgPool2d(Layer):
    """The mean of each window.

    Args:
        kernel_size: the window, an integer or (height, width).
        stride: step of the window; the window itself when None.
        padding: zeros around the picture, in every form `Conv2d` takes; each side smaller than the
            window.
        count_include_pad: True divides by the whole window, False by the real pixels in it, which
            is what padding "same" always does.
        name: name in `Model.layer_outputs`; "avg_pool2d_1" and so on when None.

    Shape:
        (batch, height, width, channels) to (batch, out_height, out_width, channels).

    Example:
        >>> AvgPool2d(2, padding="same").attributes["padding"]
        'same'
    """

    kind = "avg_pool2d"

    def __init__(
        self,
        kernel_size: PairLike,
        *unexpected: object,
        stride: PairLike | None = None,
        padding: PaddingLike = 0,
        count_include_pad: bool = True,
        name: str | None = None,
    ) -> None:
        _refuse_positional(unexpected, "AvgPool2d", "kernel_size", "stride and the rest go by name")
        window = pair(kernel_size, "AvgPool2d", "kernel_size")
        super().__init__(
            {
                "kernel_size": window,
                "stride": window if stride is None else pair(stride, "AvgPool2d", "stride"),
                "padding": padding_sides(padding, "AvgPool2d"),
                "count_include_pad": _boolean(count_include_pad, "AvgPool2d", "count_include_pad"),
            },
            name,
        )


class _WithoutSettings(Layer):
    """A layer that is its kind and nothing else."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__({}, name)


class Flatten(_WithoutSettings):
    """The picture as one list of numbers, in height, width, channels order.

    Example:
        >>> Flatten()
        Flatten()
    """

    kind = "flatten"


class ReLU(_WithoutSettings):
    """Removes the negatives: ``x < 0 ? 0 : x``; NaN passes through.

    Example:
        >>> ReLU(name="positives")
        ReLU(name='positives')
    """

    kind = "relu"


class LeakyReLU(Layer):
    """Shrinks the negatives: ``x < 0 ? negative_slope * x : x``.

    Example:
        >>> LeakyReLU(0.1).kind
        'leaky_relu'
    """

    kind = "leaky_relu"

    def __init__(self, negative_slope: float = 0.01, *, name: str | None = None) -> None:
        slope = real_number(negative_slope, "LeakyReLU", "negative_slope")
        super().__init__({"negative_slope": slope}, name)


class Sigmoid(_WithoutSettings):
    """``1 / (1 + exp(-x))``; leave it out of a model trained with `BinaryCrossEntropy`, which
    applies it itself.

    Example:
        >>> Sigmoid().kind
        'sigmoid'
    """

    kind = "sigmoid"


class Tanh(_WithoutSettings):
    """The hyperbolic tangent.

    Example:
        >>> Tanh().kind
        'tanh'
    """

    kind = "tanh"


class Softmax(_WithoutSettings):
    """Probabilities over the last axis; leave it out of a model trained with `CrossEntropy`, which
    applies it itself.

    Example:
        >>> Softmax().kind
        'softmax'
    """

    kind = "softmax"
