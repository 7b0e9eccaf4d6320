"""The fully connected layer."""

from __future__ import annotations

from cnnx.arguments import boolean, integer
from cnnx.layers.base import Layer

__all__ = ["Dense"]


class Dense(Layer):
    """Fully connected layer: ``x @ weight + bias``.

    Args:
        out_features: number of outputs.
        bias: whether to add a bias per output.
        int8_weight: whether every weight is a whole number from -128 to 127 times the number of its
            output in the buffer weight_scale, as for `Conv2d`.
        name: name in files; "dense_1" and so on when None.

    Shape:
        (batch, in_features) to (batch, out_features); weight (in_features, out_features), bias
        (out_features,).

    Example:
        >>> Dense(10)
        Dense(out_features=10, bias=True, int8_weight=False)
    """

    kind = "dense"

    def __init__(
        self,
        out_features: int,
        *,
        bias: bool = True,
        int8_weight: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(
            {
                "out_features": integer(out_features, "Dense", "out_features"),
                "bias": boolean(bias, "Dense", "bias"),
                "int8_weight": boolean(int8_weight, "Dense", "int8_weight"),
            },
            name,
        )
