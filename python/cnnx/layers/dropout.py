"""Dropout, a layer that is active in training only."""

from __future__ import annotations

from cnnx.arguments import real_number
from cnnx.layers.base import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """Dropout: zeroes values with probability `rate` in training.

    The other values are scaled by 1 / (1 - rate). In inference the layer is the identity. The mask
    is a function of the trainer's seed, the step, the layer and the position, so that it is the
    same on every machine and any number of threads.

    Args:
        rate: probability of zeroing a value, in [0, 1).
        name: name in `Model.layer_outputs`; "dropout_1" and so on when None.

    References:
        N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov: Dropout, 2014.

    Example:
        >>> Dropout(0.5)
        Dropout(rate=0.5)
    """

    kind = "dropout"

    def __init__(self, rate: float = 0.5, *, name: str | None = None) -> None:
        super().__init__({"rate": real_number(rate, "Dropout", "rate")}, name)
