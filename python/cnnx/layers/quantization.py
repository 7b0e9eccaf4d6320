"""The layer that rounds numbers to those of one byte."""

from __future__ import annotations

from cnnx.arguments import integer, real_number
from cnnx.layers.base import Layer

__all__ = ["Quantize"]


class Quantize(Layer):
    """The nearest of 256 values.

    ``scale * (clip(round(x / scale) + zero_point, 0, 255) - zero_point)``, halves rounded to the
    even neighbour. `quantize` puts these layers into a model. A `Conv2d` or `Dense` with
    ``int8_weight=True`` after it computes in integers when the model predicts. The gradient is that
    of a clip (the straight-through estimator).

    Args:
        scale: difference of two successive values, above 0.
        zero_point: number from 0 to 255 that stands for the value 0.
        name: name in files and in `Model.layer_outputs`; "quantize_1" and so on when None.

    References:
        B. Jacob and others: Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, 2018.

    Example:
        >>> Quantize(0.5)
        Quantize(scale=0.5, zero_point=0)
    """

    kind = "quantize"

    def __init__(self, scale: float, zero_point: int = 0, *, name: str | None = None) -> None:
        super().__init__(
            {
                "scale": real_number(scale, "Quantize", "scale"),
                "zero_point": integer(zero_point, "Quantize", "zero_point"),
            },
            name,
        )
