"""Settings of the losses; the compiled core computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from numpy.typing import ArrayLike

from cnnx.advice import warn
from cnnx.arguments import above_zero, number, shown
from cnnx.spelling import checked_call
from cnnx.training.class_weights import balanced
from cnnx.training.loss import ClassLoss, Loss

__all__ = ["L1", "MSE", "BinaryCrossEntropy", "CrossEntropy", "Huber"]


@checked_call
@dataclass(frozen=True)
class CrossEntropy(ClassLoss):
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
        class_weights: one number >= 0 per class, not all 0, in order, or by index or name in a
            mapping of all classes; None for equal weights.
        ignore_index: label of images or positions that count for nothing: their loss and gradient
            are 0, and no mean divides by them; None for none. A mask of PASCAL VOC has 255.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is out of range. `Trainer` refuses class weights if the model has
            another number of classes or other names.

    Example:
        >>> CrossEntropy(label_smoothing=0.1)
        CrossEntropy(label_smoothing=0.1, class_weights=None, ignore_index=None)
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

    ignore_index: int | None = None

    def __post_init__(self) -> None:
        smoothing = check_label_smoothing(self.label_smoothing, "CrossEntropy")
        if smoothing == 1:
            warn(
                "CrossEntropy: label_smoothing is 1, which gives images of all classes the same "
                "target, so nothing is learned: label_smoothing=0.1"
            )
        object.__setattr__(self, "label_smoothing", smoothing)
        self._check_classes()

    def takes_classes(self, outputs: int) -> bool:
        """True: one output is refused by `Trainer`."""
        return True

    @classmethod
    @checked_call
    def balanced(
        cls, y: ArrayLike, *, label_smoothing: float = 0.0, ignore_index: int | None = None
    ) -> CrossEntropy:
        """The loss with class weights that let every class count the same.

        The weight of a class is ``labels / (classes * labels of the class)``, that of
        class_weight="balanced" in scikit-learn.

        Args:
            y: labels of the training images, (N,), class indices or names, or indices of their
                positions, (N, height, width).
            label_smoothing: as for `CrossEntropy`.
            ignore_index: as for `CrossEntropy`; such labels are not counted.

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
        return cls(
            class_weights=balanced(y, ignore_index),
            label_smoothing=label_smoothing,
            ignore_index=ignore_index,
        )


@checked_call
@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
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
class MSE(Loss):
    """Mean squared error, ``mean over rows and outputs of (output - target)**2``.

    Targets have the shape of the outputs.

    Example:
        >>> MSE().kind
        'mean_squared_error'
    """

    kind: ClassVar[str] = "mean_squared_error"
    takes_logits: ClassVar[bool] = False


@checked_call
@dataclass(frozen=True)
class L1(Loss):
    """Mean absolute error, ``mean over rows and outputs of abs(output - target)``.

    Targets have the shape of the outputs. The gradient is 0 where output and target are equal.

    Example:
        >>> L1().kind
        'mean_absolute_error'
    """

    kind: ClassVar[str] = "mean_absolute_error"
    takes_logits: ClassVar[bool] = False


@checked_call
@dataclass(frozen=True)
class Huber(Loss):
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
    takes_logits: ClassVar[bool] = False

    delta: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "delta", above_zero(self.delta, "Huber", "delta"))


def check_label_smoothing(value: object, caller: str) -> float:
    """`value` as a float in [0, 1]; an error begins with `caller`."""
    smoothing = number(value, caller, "label_smoothing")
    if not 0 <= smoothing <= 1:
        raise ValueError(
            f"{caller}: label_smoothing is {shown(value)}, expected a number from 0 to 1"
        )
    return smoothing
