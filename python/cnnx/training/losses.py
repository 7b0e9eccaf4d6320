"""Settings of the losses; the compiled core computes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, TypeAlias

from cnnx.arguments import not_negative, number
from cnnx.recipe import Recipe

__all__ = ["L1", "MSE", "BinaryCrossEntropy", "CrossEntropy", "Huber"]


@dataclass(frozen=True)
class CrossEntropy(Recipe):
    """Cross-entropy between the softmax of the outputs and the labels, for one class per image.

    ``mean over rows of -sum over j of target[j] * log(softmax(logits)[j])``, where target is
    ``(1 - label_smoothing) * onehot(label) + label_smoothing / classes``. The outputs are logits,
    so the model must not end in Softmax. Targets are labels (N,), or soft labels (N, classes) >= 0
    whose rows add up to 1. Soft labels replace ``onehot(label)``.

    With class weights the j-th term is multiplied by the weight of class j. The divisor of the mean
    is then the sum of the weights of the labels, as in PyTorch, or of ``soft_labels @
    class_weights``. The loss of a batch is 0 if the divisor is 0.

    Args:
        label_smoothing: fraction of the target spread evenly over all classes, in [0, 1].
        class_weights: one number >= 0 per class; None for equal weights.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is out of range. `Trainer` refuses class weights if the model has
            another number of classes.

    Example:
        >>> CrossEntropy(label_smoothing=0.1)
        CrossEntropy(label_smoothing=0.1, class_weights=None)
        >>> CrossEntropy(class_weights=[1, 0.5]).class_weights
        (1.0, 0.5)

    References:
        Szegedy et al.: Rethinking the inception architecture for computer vision, 2016.
    """

    kind: ClassVar[str] = "cross_entropy"

    _: KW_ONLY
    label_smoothing: float = 0.0
    class_weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        smoothing = check_label_smoothing(self.label_smoothing, "CrossEntropy")
        object.__setattr__(self, "label_smoothing", smoothing)
        if self.class_weights is None:
            return
        if isinstance(self.class_weights, str) or not isinstance(self.class_weights, Iterable):
            raise TypeError(
                f"CrossEntropy: class_weights is {self.class_weights!r}, expected a list of numbers"
            )
        weights = tuple(
            not_negative(each, "CrossEntropy", "class_weights") for each in self.class_weights
        )
        if not weights:
            raise ValueError("CrossEntropy: class_weights is empty, expected one number per class")
        object.__setattr__(self, "class_weights", weights)


@dataclass(frozen=True)
class BinaryCrossEntropy(Recipe):
    """Binary cross-entropy between the sigmoid of each output and its target.

    ``mean over rows and outputs of max(z, 0) - z * target + log(1 + exp(-abs(z)))`` for an output
    z. The outputs are logits, so the model must not end in Sigmoid. Targets are (N,) of 0 and 1 for
    one output, otherwise (N, outputs) in [0, 1].

    Example:
        >>> BinaryCrossEntropy()
        BinaryCrossEntropy()
    """

    kind: ClassVar[str] = "binary_cross_entropy"


@dataclass(frozen=True)
class MSE(Recipe):
    """Mean squared error, ``mean over rows and outputs of (output - target)**2``.

    Targets have the shape of the outputs.

    Example:
        >>> MSE().kind
        'mean_squared_error'
    """

    kind: ClassVar[str] = "mean_squared_error"


@dataclass(frozen=True)
class L1(Recipe):
    """Mean absolute error, ``mean over rows and outputs of abs(output - target)``.

    Targets have the shape of the outputs. The gradient is 0 where output and target are equal.

    Example:
        >>> L1().kind
        'mean_absolute_error'
    """

    kind: ClassVar[str] = "mean_absolute_error"


@dataclass(frozen=True)
class Huber(Recipe):
    """Huber loss: squared error for small differences, absolute error for large ones.

    For ``d = output - target`` it is the mean over rows and outputs of ``d**2 / 2`` where
    ``abs(d) <= delta``, and of ``delta * (abs(d) - delta / 2)`` elsewhere. Targets have the shape
    of the outputs.

    Args:
        delta: threshold between the quadratic and the linear part, above 0.

    Raises:
        TypeError: if delta is not a number.
        ValueError: if delta is not above 0.

    Example:
        >>> Huber(0.5)
        Huber(delta=0.5)

    References:
        Huber: Robust estimation of a location parameter, 1964.
    """

    kind: ClassVar[str] = "huber"

    delta: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", check_delta(self.delta, "Huber"))


def check_delta(value: object, caller: str) -> float:
    """`value` as a finite float > 0; an error begins with `caller`."""
    delta = not_negative(value, caller, "delta")
    if delta == 0:
        raise ValueError(f"{caller}: delta is {value!r}, expected a finite number > 0")
    return delta


def check_label_smoothing(value: object, caller: str) -> float:
    """`value` as a float in [0, 1]; an error begins with `caller`."""
    smoothing = number(value, caller, "label_smoothing")
    if not 0 <= smoothing <= 1:
        raise ValueError(f"{caller}: label_smoothing is {value!r}, expected a number from 0 to 1")
    return smoothing


Loss: TypeAlias = CrossEntropy | BinaryCrossEntropy | MSE | L1 | Huber
