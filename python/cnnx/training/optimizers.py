"""Settings of the optimizers; the compiled core has their state and computes the updates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, TypeAlias

from cnnx.arguments import below_one, is_integer, not_negative, shown, text
from cnnx.recipe import Recipe
from cnnx.spelling import checked_call

__all__ = ["SGD", "Adam", "AdamW", "Muon", "ParameterRule", "RMSprop"]

_BETAS = {"betas": ("beta1", "beta2")}


def _two_betas(value: object, optimizer: str) -> tuple[float, float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise TypeError(f"{optimizer}: betas is {shown(value)}, expected two numbers")
    return below_one(value[0], optimizer, "betas[0]"), below_one(value[1], optimizer, "betas[1]")


def _check_momentum(optimizer: SGD | Muon) -> None:
    """Check the settings that `SGD` and `Muon` have in common."""
    kind = type(optimizer).__name__
    for name, check in (
        ("learning_rate", not_negative),
        ("momentum", below_one),
        ("weight_decay", not_negative),
    ):
        object.__setattr__(optimizer, name, check(getattr(optimizer, name), kind, name))
    if not isinstance(optimizer.nesterov, bool):
        raise TypeError(f"{kind}: nesterov is {shown(optimizer.nesterov)}, expected True or False")
    if optimizer.nesterov and optimizer.momentum == 0:
        raise ValueError(f"{kind}: momentum is 0, expected a number > 0 with nesterov=True")


@checked_call
@dataclass(frozen=True)
class SGD(Recipe):
    """Stochastic gradient descent with momentum and weight decay, by PyTorch's formulas.

    For a parameter p with gradient g, and a velocity v that starts at zero::

        g = g + weight_decay * p
        v = momentum * v + g
        p = p - learning_rate * (g + momentum * v if nesterov else v)

    Args:
        learning_rate: learning rate.
        momentum: decay of the velocity, in [0, 1).
        nesterov: whether to use Nesterov momentum; needs momentum > 0.
        weight_decay: L2 penalty.

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


@checked_call
@dataclass(frozen=True)
class Adam(Recipe):
    """Adam: updates from running means of the gradient and of its square.

    For a parameter p with gradient g at step t = 1, 2, ..., with m and s that start at zero::

        m = betas[0] * m + (1 - betas[0]) * g
        s = betas[1] * s + (1 - betas[1]) * g**2
        p = p - learning_rate * (m / (1 - betas[0]**t)) / (sqrt(s / (1 - betas[1]**t)) + epsilon)

    Args:
        learning_rate: learning rate.
        betas: decay of the two running means, each in [0, 1).
        epsilon: added to the denominator for numerical stability.

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
    _pairs = _BETAS

    learning_rate: float = 1e-3
    _: KW_ONLY
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        for name in ("learning_rate", "epsilon"):
            object.__setattr__(self, name, not_negative(getattr(self, name), "Adam", name))
        object.__setattr__(self, "betas", _two_betas(self.betas, "Adam"))


@checked_call
@dataclass(frozen=True)
class AdamW(Recipe):
    """`Adam` with decoupled weight decay.

    Every step begins with::

        p = p * (1 - learning_rate * weight_decay)

    Args:
        learning_rate: learning rate.
        betas: decay of the two running means, each in [0, 1).
        epsilon: added to the denominator for numerical stability.
        weight_decay: decoupled weight decay.

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
    _pairs = _BETAS

    learning_rate: float = 1e-3
    _: KW_ONLY
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        for name in ("learning_rate", "epsilon", "weight_decay"):
            object.__setattr__(self, name, not_negative(getattr(self, name), "AdamW", name))
        object.__setattr__(self, "betas", _two_betas(self.betas, "AdamW"))


@checked_call
@dataclass(frozen=True)
class RMSprop(Recipe):
    """RMSprop: updates scaled by a running mean of the squared gradient, by PyTorch's formulas.

    For a parameter p with gradient g, with s and v that start at zero::

        g = g + weight_decay * p
        s = alpha * s + (1 - alpha) * g**2
        v = momentum * v + g / (sqrt(s) + epsilon)
        p = p - learning_rate * v

    Args:
        learning_rate: learning rate.
        alpha: decay of the running mean, in [0, 1).
        epsilon: added to the denominator for numerical stability.
        momentum: decay of the velocity, in [0, 1).
        weight_decay: L2 penalty.

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


@checked_call
@dataclass(frozen=True)
class Muon(Recipe):
    """Muon: momentum with orthogonalised updates of weight matrices.

    The update of a matrix has about the same length in every singular direction, so that no few
    directions dominate. For a parameter p with gradient g, and a velocity v that starts at zero::

        v = momentum * v + g
        d = g + momentum * v if nesterov else v
        d = orthogonal(d) * sqrt(max(1, columns / rows))    # matrices only
        p = p * (1 - learning_rate * weight_decay) - learning_rate * d

    A matrix is an array of two or more axes whose name matches `matrices`. Its rows are the inputs
    of a layer and its columns the outputs. ``orthogonal(d)`` has the singular vectors of d and
    singular values near 1 (0.7 to 1.2, unless they are tiny). It takes a few matrix products, whose
    cost is small for batches of hundreds of images. All other parameters are updated as by `SGD`; a
    `ParameterRule` can set another learning rate for them.

    Args:
        learning_rate: approximate change of a matrix's singular values per step.
        momentum: decay of the velocity, in [0, 1).
        nesterov: whether to use Nesterov momentum; needs momentum > 0.
        weight_decay: decoupled weight decay, as in `AdamW`.
        matrices: pattern such as ``"conv2d_*.weight"``: ``*`` matches any characters, ``?`` matches
            one. Excluding the last layer often improves the result. Filters of grouped convolutions
            have separate inputs and are never treated as a matrix.
        iterations: iterations of the Newton-Schulz method, 1 to 20; 5 are usual, 3 suffice with
            high momentum.

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
                f"Muon: iterations is {shown(self.iterations)}, expected an integer from 1 to 20"
            )
        object.__setattr__(self, "iterations", int(self.iterations))


@checked_call
@dataclass(frozen=True)
class ParameterRule(Recipe):
    """Learning rate and weight decay factors for parameters whose names match a pattern.

    The factors of all rules that match a name are multiplied.

    Args:
        pattern: pattern such as ``"*.bias"``: ``*`` matches any characters, ``?`` matches one.
        learning_rate_factor: factor of the optimizer's learning rate; 0 freezes the parameters and
            their optimizer state.
        weight_decay_factor: factor of the optimizer's weight decay.

    Raises:
        TypeError: if the pattern is not text, or a factor is not a number.
        ValueError: if a factor is negative or not finite. A `Trainer` also refuses a pattern that
            matches no parameter.

    Example:
        >>> ParameterRule("*.bias", weight_decay_factor=0)
        ParameterRule(pattern='*.bias', learning_rate_factor=1.0, weight_decay_factor=0.0)
    """

    kind: ClassVar[str] = "rule"

    pattern: str
    _: KW_ONLY
    learning_rate_factor: float = 1.0
    weight_decay_factor: float = 1.0

    def __post_init__(self) -> None:
        text(self.pattern, "ParameterRule", "pattern")
        for name in ("learning_rate_factor", "weight_decay_factor"):
            object.__setattr__(self, name, not_negative(getattr(self, name), "ParameterRule", name))


# Optimizer of a `Trainer`.
Optimizer: TypeAlias = SGD | Adam | AdamW | RMSprop | Muon
