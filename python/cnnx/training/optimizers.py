"""The optimizers as small frozen recipes; the compiled core keeps the slots and updates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any, ClassVar, TypeAlias

from cnnx.arguments import below_one, is_integer, not_negative, text

__all__ = ["SGD", "Adam", "AdamW", "Muon", "ParameterRule", "RMSprop"]


def _two_betas(value: object, optimizer: str) -> tuple[float, float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise TypeError(f"{optimizer}: betas is {value!r}, expected two numbers")
    return below_one(value[0], optimizer, "betas[0]"), below_one(value[1], optimizer, "betas[1]")


def _check_momentum(optimizer: SGD | Muon) -> None:
    """The settings that these two share."""
    kind = type(optimizer).__name__
    for name, check in (
        ("learning_rate", not_negative),
        ("momentum", below_one),
        ("weight_decay", not_negative),
    ):
        object.__setattr__(optimizer, name, check(getattr(optimizer, name), kind, name))
    if not isinstance(optimizer.nesterov, bool):
        raise TypeError(f"{kind}: nesterov is {optimizer.nesterov!r}, expected True or False")
    if optimizer.nesterov and optimizer.momentum == 0:
        raise ValueError(f"{kind}: momentum is 0, expected a number > 0 with nesterov=True")


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
        _check_momentum(self)

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
            object.__setattr__(self, name, not_negative(getattr(self, name), "Adam", name))
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
            object.__setattr__(self, name, not_negative(getattr(self, name), "AdamW", name))
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


@dataclass(frozen=True)
class RMSprop:
    """RMSprop: steps scaled by a running mean of the gradient's square, by PyTorch's formulas.

    For a parameter p with gradient g, with s and v that start at zero::

        g = g + weight_decay * p
        s = alpha * s + (1 - alpha) * g**2
        v = momentum * v + g / (sqrt(s) + epsilon)
        p = p - learning_rate * v

    Args:
        learning_rate: about the length of a step.
        alpha: how much of the running mean stays from step to step, in [0, 1).
        epsilon: keeps the division finite.
        momentum: how much of the velocity stays from step to step, in [0, 1).
        weight_decay: pulls every parameter towards zero.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is out of range.

    Example:
        >>> RMSprop(1e-3, momentum=0.9).settings["alpha"]
        0.99

    References:
        Tieleman, Hinton: Lecture 6.5, RMSprop: divide the gradient by a running average of its
        recent magnitude, 2012.
    """

    kind: ClassVar[str] = "rmsprop"

    learning_rate: float = 0.01
    _: KW_ONLY
    alpha: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("learning_rate", "epsilon", "weight_decay"):
            object.__setattr__(self, name, not_negative(getattr(self, name), "RMSprop", name))
        for name in ("alpha", "momentum"):
            object.__setattr__(self, name, below_one(getattr(self, name), "RMSprop", name))

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name, as plain values."""
        return {
            "learning_rate": self.learning_rate,
            "alpha": self.alpha,
            "epsilon": self.epsilon,
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
        }


@dataclass(frozen=True)
class Muon:
    """Momentum whose steps are orthogonalised: along every direction of a weight matrix that its
    gradients point to, the weights move about as far, so that no few of them dominate.

    For a parameter p with gradient g, and a velocity v that starts at zero::

        v = momentum * v + g
        d = g + momentum * v if nesterov else v
        d = orthogonal(d) * sqrt(max(1, columns / rows))    # of matrices alone
        p = p * (1 - learning_rate * weight_decay) - learning_rate * d

    A matrix is an array of two or more axes whose name matches `matrices`: a layer's inputs are its
    rows, its outputs its columns. ``orthogonal(d)`` keeps the singular vectors of d and brings its
    singular values near 1 (0.7 to 1.2, where they are not tiny), by a few products of matrices:
    worth it for batches of hundreds, where they are little beside the step. All other parameters
    take the steps of `SGD`, for which a `ParameterRule` may set another rate.

    Args:
        learning_rate: about how much a step changes the singular values of a matrix.
        momentum: how much of the velocity stays from step to step, in [0, 1).
        nesterov: looks ahead along the new velocity; needs momentum.
        weight_decay: shrinks every parameter, apart from the gradient as in `AdamW`.
        matrices: a pattern such as ``"conv2d_*.weight"``: ``*`` stands for any characters, ``?``
            for one. The last layer often does better without; a grouped convolution's filters,
            which share no inputs, are none.
        iterations: of Newton and Schulz's method, 1 to 20; 5 are usual, 3 enough for much momentum.

    Raises:
        TypeError: if a setting is of another type.
        ValueError: if a setting is out of range. A `Trainer` also refuses a pattern that matches no
            matrix.

    Example:
        >>> Muon(0.05, matrices="conv2d_*.weight").momentum
        0.95

    References:
        Jordan et al.: Muon: An optimizer for hidden layers in neural networks, 2024.
    """

    kind: ClassVar[str] = "muon"

    learning_rate: float = 0.02
    _: KW_ONLY
    momentum: float = 0.95
    nesterov: bool = True
    weight_decay: float = 0.0
    matrices: str = "*.weight"
    iterations: int = 5

    def __post_init__(self) -> None:
        _check_momentum(self)
        text(self.matrices, "Muon", "matrices")
        if not is_integer(self.iterations) or not 1 <= self.iterations <= 20:
            raise ValueError(
                f"Muon: iterations is {self.iterations!r}, expected an integer from 1 to 20"
            )
        object.__setattr__(self, "iterations", int(self.iterations))

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name, as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class ParameterRule:
    """What is different for the parameters whose names match a pattern.

    The factors of all rules that match a name are multiplied.

    Args:
        pattern: such as ``"*.bias"``; ``*`` stands for any characters, ``?`` for one.
        learning_rate_factor: multiplies the optimizer's learning rate; 0 leaves the parameters and
            the optimizer's memory of them as they are.
        weight_decay_factor: multiplies the optimizer's weight decay.

    Raises:
        TypeError: if the pattern is no text, or a factor no number.
        ValueError: if a factor is negative or not finite. A `Trainer` also refuses a pattern that
            matches no parameter.

    Example:
        >>> ParameterRule("*.bias", weight_decay_factor=0)
        ParameterRule(pattern='*.bias', learning_rate_factor=1.0, weight_decay_factor=0.0)
    """

    pattern: str
    _: KW_ONLY
    learning_rate_factor: float = 1.0
    weight_decay_factor: float = 1.0

    def __post_init__(self) -> None:
        text(self.pattern, "ParameterRule", "pattern")
        for name in ("learning_rate_factor", "weight_decay_factor"):
            object.__setattr__(self, name, not_negative(getattr(self, name), "ParameterRule", name))


Optimizer: TypeAlias = SGD | Adam | AdamW | RMSprop | Muon
