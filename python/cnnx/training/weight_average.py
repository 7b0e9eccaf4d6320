"""Averaging of weights over the steps of training, as a small frozen recipe."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from cnnx.arguments import below_one, is_integer

__all__ = ["WeightAverage"]


@dataclass(frozen=True)
class WeightAverage:
    """An exponential moving average of the weights, which often answers better than the last ones.

    Every `every` steps::

        average = decay * average + (1 - decay) * weights

    where the decay after n averages is at most ``n / (n + 9)``: the first one is a copy, and the
    weights that training began with are soon forgotten. `Trainer.averaged_model` gives a model that
    has them, and ``Trainer.evaluate(x, y, averaged=True)`` measures them; the validation of `fit`,
    and callbacks that go by it, see the weights that are trained.

    Args:
        decay: how much of the average stays, in [0, 1).
        every: steps from one average to the next.

    Raises:
        TypeError: if decay is not a number.
        ValueError: if a setting is out of range.

    Example:
        >>> WeightAverage(0.99, every=5)
        WeightAverage(decay=0.99, every=5)

    References:
        Polyak, Juditsky: Acceleration of stochastic approximation by averaging, 1992.
    """

    decay: float = 0.999
    _: KW_ONLY
    every: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "decay", below_one(self.decay, "WeightAverage", "decay"))
        if not is_integer(self.every) or self.every < 1:
            raise ValueError(f"WeightAverage: every is {self.every!r}, expected an integer >= 1")
        object.__setattr__(self, "every", int(self.every))
