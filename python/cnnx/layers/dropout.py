"""The layer that drops numbers while training."""

from __future__ import annotations

from cnnx.arguments import real_number
from cnnx.layers.base import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """In training every number is zero with probability `rate`, and the others grow by
    1 / (1 - rate); in inference the layer does nothing.

    Which numbers are dropped is a function of the trainer's seed, the step, the layer and the
    number's place: the same on any machine with any number of threads.

    Args:
        rate: probability of being dropped, from 0 to below 1.
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
