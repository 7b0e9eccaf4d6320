"""Settings of weight averaging."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from cnnx.arguments import at_least, below_one
from cnnx.recipe import Recipe
from cnnx.spelling import checked_call

__all__ = ["WeightAverage"]


@checked_call
@dataclass(frozen=True)
class WeightAverage(Recipe):
    """Exponential moving average of the weights, often more accurate than the last weights.

    Every `every` steps::

        average = decay * average + (1 - decay) * weights

    The running statistics of batch norms are averaged likewise. The decay after n updates is at
    most ``n / (n + 9)``. The first average is therefore a copy, and the influence of the initial
    weights fades quickly. `Trainer.averaged_model` returns a model with the averaged weights, and
    ``Trainer.evaluate(x, y, averaged=True)`` measures them. The validation of `fit` and callbacks
    that watch it use the trained weights.

    Args:
        decay: decay of the average, in [0, 1).
        every: steps between updates of the average.

    Raises:
        TypeError: if decay is not a number.
        ValueError: if a setting is out of range.

    Example:
        >>> WeightAverage(0.99, every=5)
        WeightAverage(decay=0.99, every=5)

    References:
        Polyak, Juditsky: Acceleration of stochastic approximation by averaging, 1992.
    """

    kind: ClassVar[str] = "averaging"

    decay: float = 0.999
    _: KW_ONLY
    every: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "decay", below_one(self.decay, "WeightAverage", "decay"))
        object.__setattr__(self, "every", at_least(1, self.every, "WeightAverage", "every"))
