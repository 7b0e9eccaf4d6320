"""The optimizers as small frozen recipes; the compiled core keeps the slots and updates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Any, ClassVar, TypeAlias

__all__ = ["SGD", "Adam", "AdamW"]


def _number(value: object, optimizer: str, setting: str) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{optimizer}: {setting} is {value!r}, expected a number")
    return float(value)


def _not_negative(value: object, optimizer: str, setting: str) -> float:
    number = _number(value, optimizer, setting)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{optimizer}: {setting} is {value!r}, expected a finite number >= 0")
    return number


def _below_one(value: object, optimizer: str, setting: str) -> float:
    number = _number(value, optimizer, setting)
    if not 0 <= number < 1:
        raise ValueError(f"{optimizer}: {setting} is {value!r}, expected a number >= 0 and < 1")
    return number


def _two_betas(value: object, optimizer: str) -> tuple[float, float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise TypeError(f"{optimizer}: betas is {value!r}, expected two numbers")
    return _below_one(value[0], optimizer, "betas[0]"), _below_one(value[1], optimizer, "betas[1]")


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent, with momentum and weight decay by PyTorch's formulas.

    For a parameter p with gradient g, and a velocity v that starts at zero::

        g = g + weight_decay * p
        v = momentum * v + g
        p = p - learning_rate * (g + momentum * v if nesterov else v)

    Args:
        learning_rate: length of a step.
        momentum: how much of the velocity stays from step to step, in [0, 1).
        nesterov: looks ahead along the new velocity; needs momentum.
        weight_decay: pulls every parameter towards zero.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is out of range.

    Example:
        >>> SGD(0.1, momentum=0.9)
        SGD(learning_rate=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)

    References:
        Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum in deep
        learning, 2013.
    """

    kind: ClassVar[str] = "sgd"

    learning_rate: float
    _: KW_ONLY
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name, check in (
            ("learning_rate", _not_negative),
            ("momentum", _below_one),
            ("weight_decay", _not_negative),
        ):
            object.__setattr__(self, name, check(getattr(self, name), "SGD", name))
        if not isinstance(self.nesterov, bool):
            raise TypeError(f"SGD: nesterov is {self.nesterov!r}, expected True or False")
        if self.nesterov and self.momentum == 0:
            raise ValueError("SGD: momentum is 0, expected a number > 0 with nesterov=True")

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name, as plain values."""
        return {
            "learning_rate": self.learning_rate,
            "momentum": self.momentum,
            "nesterov": self.nesterov,
            "weight_decay": self.weight_decay,
        }


@dataclass(frozen=True)
class Adam:
    """Adam: steps scaled by running means of the gradient and of its square.

    For a parameter p with gradient g at step t = 1, 2, ..., with m and s that start at zero::

        m = betas[0] * m + (1 - betas[0]) * g
        s = betas[1] * s + (1 - betas[1]) * g**2
        p = p - learning_rate * (m / (1 - betas[0]**t)) / (sqrt(s / (1 - betas[1]**t)) + epsilon)

    Args:
        learning_rate: about the length of a step.
        betas: how much of the two running means stays from step to step, each in [0, 1).
        epsilon: keeps the division finite.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is out of range.

    Example:
        >>> Adam(3e-4)
        Adam(learning_rate=0.0003, betas=(0.9, 0.999), epsilon=1e-08)

    References:
        Kingma, Ba: Adam: a method for stochastic optimization, 2015.
    """

    kind: ClassVar[str] = "adam"

    learning_rate: float = 1e-3
    _: KW_ONLY
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("learning_rate", "epsilon"):
            object.__setattr__(self, name, _not_negative(getattr(self, name), "Adam", name))
        object.__setattr__(self, "betas", _two_betas(self.betas, "Adam"))

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name, as plain values."""
        return {
            "learning_rate": self.learning_rate,
            "betas": self.betas,
            "epsilon": self.epsilon,
        }


@dataclass(frozen=True)
class AdamW:
    """`Adam` with weight decay of its own, not mixed into the gradient.

    Every step begins with::

        p = p * (1 - learning_rate * weight_decay)

    Args:
        learning_rate: about the length of a step.
        betas: how much of the two running means stays from step to step, each in [0, 1).
        epsilon: keeps the division finite.
        weight_decay: pulls every parameter towards zero.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is out of range.

    Example:
        >>> AdamW(weight_decay=0.05).settings["weight_decay"]
        0.05

    References:
        Loshchilov, Hutter: Decoupled weight decay regularization, 2019.
    """

    kind: ClassVar[str] = "adamw"

    learning_rate: float = 1e-3
    _: KW_ONLY
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        for name in ("learning_rate", "epsilon", "weight_decay"):
            object.__setattr__(self, name, _not_negative(getattr(self, name), "AdamW", name))
        object.__setattr__(self, "betas", _two_betas(self.betas, "AdamW"))

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name, as plain values."""
        return {
            "learning_rate": self.learning_rate,
            "betas": self.betas,
            "epsilon": self.epsilon,
            "weight_decay": self.weight_decay,
        }


Optimizer: TypeAlias = SGD | Adam | AdamW
