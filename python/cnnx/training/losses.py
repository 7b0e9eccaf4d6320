"""Settings of the losses; the compiled core computes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import (
    above_zero,
    is_integer,
    not_negative,
    number,
    rectangular_array,
    shown,
)
from cnnx.recipe import Recipe
from cnnx.spelling import checked_call

__all__ = ["L1", "MSE", "BinaryCrossEntropy", "CrossEntropy", "Huber"]


@checked_call
@dataclass(frozen=True)
class CrossEntropy(Recipe):
    """Cross-entropy of the softmax of the outputs: one class per image, or one per position.

    ``mean over rows of -sum over j of target[j] * log(softmax(logits)[j])``, where target is
    ``(1 - label_smoothing) * onehot(label) + label_smoothing / classes``. The outputs are logits,
    so the model must not end in Softmax. Targets are labels (N,), or soft labels (N, classes) >= 0
    whose rows add up to 1. Soft labels replace ``onehot(label)``. For outputs (N, height, width,
    classes) the rows are all positions of all images: targets are labels (N, height, width), or
    soft labels of the shape of the outputs, for segmentation.

    With class weights the j-th term is multiplied by the weight of class j. The divisor of the mean
    is then the sum of the weights of the labels, as in PyTorch, or of ``soft_labels @
    class_weights``. The loss of a batch is 0 if the divisor is 0. The `sample_weight` of
    `Trainer.fit` multiplies the class weights.

    Args:
        label_smoothing: fraction of the target spread evenly over all classes, in [0, 1].
        class_weights: one number >= 0 per class, in order, or by index or name in a mapping of all
            classes; None for equal weights.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is out of range. `Trainer` refuses class weights if the model has
            another number of classes or other names.

    Example:
        >>> CrossEntropy(label_smoothing=0.1)
        CrossEntropy(label_smoothing=0.1, class_weights=None)
        >>> CrossEntropy(class_weights=[1, 0.5]).class_weights
        (1.0, 0.5)
        >>> CrossEntropy(class_weights={1: 0.5, 0: 1}).class_weights
        (1.0, 0.5)

    References:
        Szegedy et al.: Rethinking the inception architecture for computer vision, 2016.
    """

    kind: ClassVar[str] = "cross_entropy"

    _: KW_ONLY
    label_smoothing: float = 0.0
    class_weights: Sequence[float] | Mapping[int, float] | Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        smoothing = check_label_smoothing(self.label_smoothing, "CrossEntropy")
        object.__setattr__(self, "label_smoothing", smoothing)
        if self.class_weights is not None:
            object.__setattr__(self, "class_weights", _class_weights(self.class_weights))

    def for_classes(self, classes: Sequence[str] | None) -> CrossEntropy:
        """The loss with the class weights in the order of a model's classes.

        Raises:
            ValueError: if the weights are by name and the names are not those of the classes.
        """
        weights = self.class_weights
        if not isinstance(weights, Mapping):
            return self
        if classes is None or set(weights) != set(classes):
            expected = "integers, since the model has no class names"
            if classes is not None:
                expected = f"the model's classes {', '.join(classes)}"
            raise ValueError(
                f"Trainer: class_weights has the keys {', '.join(map(str, weights))}, "
                f"expected {expected}"
            )
        by_name: Mapping[Any, float] = weights
        return replace(self, class_weights=[by_name[name] for name in classes])

    @classmethod
    def balanced(cls, y: ArrayLike, *, label_smoothing: float = 0.0) -> CrossEntropy:
        """The loss with class weights that let every class count the same.

        The weight of a class is ``labels / (classes * labels of the class)``, that of
        class_weight="balanced" in scikit-learn.

        Args:
            y: labels of the training images, (N,): class indices or names.
            label_smoothing: as for `CrossEntropy`.

        Raises:
            TypeError: if y is of another dtype.
            ValueError: if y has another shape or no label, or a class below the largest index has
                no label.

        Example:
            >>> CrossEntropy.balanced([0, 0, 0, 1]).class_weights
            (0.6666666666666666, 2.0)
            >>> CrossEntropy.balanced(["cat", "dog", "dog", "dog"]).class_weights
            {'cat': 2.0, 'dog': 0.6666666666666666}
        """
        return cls(class_weights=_balanced(y), label_smoothing=label_smoothing)


@checked_call
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


@checked_call
@dataclass(frozen=True)
class MSE(Recipe):
    """Mean squared error, ``mean over rows and outputs of (output - target)**2``.

    Targets have the shape of the outputs.

    Example:
        >>> MSE().kind
        'mean_squared_error'
    """

    kind: ClassVar[str] = "mean_squared_error"


@checked_call
@dataclass(frozen=True)
class L1(Recipe):
    """Mean absolute error, ``mean over rows and outputs of abs(output - target)``.

    Targets have the shape of the outputs. The gradient is 0 where output and target are equal.

    Example:
        >>> L1().kind
        'mean_absolute_error'
    """

    kind: ClassVar[str] = "mean_absolute_error"


@checked_call
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
        object.__setattr__(self, "delta", above_zero(self.delta, "Huber", "delta"))


def _balanced(y: ArrayLike) -> list[float] | dict[str, float]:
    """Balanced weights in the order of the classes, or by name."""
    labels = rectangular_array(y, "CrossEntropy.balanced", "y")
    if labels.ndim != 1 or labels.size == 0:
        raise ValueError(
            f"CrossEntropy.balanced: y has shape {labels.shape}, expected labels (N,), at least one"
        )
    if labels.dtype.kind in "UO" and all(isinstance(each, str) for each in labels):
        names, counts = np.unique(labels.astype(str), return_counts=True)
        return dict(zip(names.tolist(), balanced_weights(counts), strict=True))
    if labels.dtype.kind not in "biu":
        raise TypeError(
            f"CrossEntropy.balanced: y has dtype {labels.dtype}, expected integers or class names"
        )
    if labels.min() < 0:
        raise ValueError(
            f"CrossEntropy.balanced: y has label {labels.min()}, expected indices >= 0"
        )
    counts = np.bincount(labels.astype(np.int64))
    if counts.min() == 0:
        raise ValueError(
            f"CrossEntropy.balanced: y has no label {int(counts.argmin())}, expected one of every "
            f"class from 0 to {len(counts) - 1}"
        )
    return balanced_weights(counts)


def balanced_weights(counts: NDArray[np.int64]) -> list[float]:
    """Class weights that let every class count the same, from its number of labels."""
    return [float(each) for each in counts.sum() / (len(counts) * counts)]


def _class_weights(given: object) -> tuple[float, ...] | dict[str, float]:
    """Weights in the order of the classes, or by name until the classes are known."""
    is_one = isinstance(given, str) or getattr(given, "ndim", 1) == 0
    if is_one or not isinstance(given, Iterable):
        balanced = ": CrossEntropy.balanced(y)" if given == "balanced" else ""
        raise TypeError(
            f"CrossEntropy: class_weights is {shown(given)}, expected a list of numbers{balanced}"
        )
    if isinstance(given, Mapping) and not all(isinstance(key, str) for key in given):
        expected = set(range(len(given)))
        if not all(is_integer(key) for key in given) or set(given) != expected:
            raise ValueError(
                f"CrossEntropy: class_weights has the keys {', '.join(map(repr, given))}, expected "
                f"0 to {len(given) - 1}, one per class, or the names of all classes"
            )
        given = [given[index] for index in range(len(given))]
    values = given.values() if isinstance(given, Mapping) else given
    weights = tuple(not_negative(each, "CrossEntropy", "class_weights") for each in values)
    if not weights:
        raise ValueError("CrossEntropy: class_weights is empty, expected one number per class")
    return dict(zip(given, weights, strict=True)) if isinstance(given, Mapping) else weights


def check_label_smoothing(value: object, caller: str) -> float:
    """`value` as a float in [0, 1]; an error begins with `caller`."""
    smoothing = number(value, caller, "label_smoothing")
    if not 0 <= smoothing <= 1:
        raise ValueError(
            f"{caller}: label_smoothing is {shown(value)}, expected a number from 0 to 1"
        )
    return smoothing


# Loss of a `Trainer`.
Loss: TypeAlias = CrossEntropy | BinaryCrossEntropy | MSE | L1 | Huber
