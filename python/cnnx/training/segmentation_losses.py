"""Losses for rare classes, whose few positions count as much as the many of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from cnnx.arguments import not_negative
from cnnx.spelling import checked_call
from cnnx.training.loss import ClassLoss

__all__ = ["Dice", "Focal", "Tversky"]


@checked_call
@dataclass(frozen=True)
class Focal(ClassLoss):
    """Focal loss: cross-entropy in which labels that are easy to predict count little.

    ``mean over rows of -(1 - p)**gamma * log(p)`` for the probability p of the label, the softmax
    of the outputs; gamma 0 is cross-entropy. Rows are images, or positions for outputs (N, height,
    width, classes), and targets are labels of their shape. The mean is weighted as that of
    `CrossEntropy`. For a single output p is its sigmoid, and targets are numbers in [0, 1].

    Args:
        gamma: exponent, at least 0.
        class_weights: as for `CrossEntropy`; two for a single output, of 0 and of 1.
        ignore_index: as for `CrossEntropy`; not for a single output.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is out of range.

    Example:
        >>> Focal().gamma
        2.0

    References:
        Lin et al.: Focal loss for dense object detection, 2017.
    """

    kind: ClassVar[str] = "focal"

    gamma: float = 2.0
    _: KW_ONLY
    class_weights: Sequence[float] | Mapping[int, float] | Mapping[str, float] | None = None
    ignore_index: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", not_negative(self.gamma, "Focal", "gamma"))
        self._check_classes()


@checked_call
@dataclass(frozen=True)
class Dice(ClassLoss):
    """Dice loss: the overlap of each class with its target, whatever its size.

    ``1 - (2 * sum(p * t) + smooth) / (sum(p) + sum(t) + smooth)`` with sums over the positions of
    an image, for probabilities p (softmax over the classes) and targets t (1 where the label is the
    class); the mean over classes, weighted by `class_weights`, and then over images. Outputs are
    (N, height, width, classes); targets are labels (N, height, width), or soft labels of the shape
    of the outputs. For a single output p is its sigmoid, and targets are numbers in [0, 1].

    A class that an image does not have costs nothing if it is not predicted, and `smooth` softens
    the step to the first predicted position. Its gradients are small at the beginning; a sum with
    `CrossEntropy` trains more steadily: ``cnnx.losses.Sum([CrossEntropy(), Dice()])``.

    Args:
        smooth: number of positions added to overlap and sizes, at least 0.
        class_weights: as for `CrossEntropy`, not all 0; [0, 1, 1] leaves the background out. Not
            for a single output.
        ignore_index: as for `CrossEntropy`; not for a single output. An image of ignored
            positions alone has the loss 0, and the mean over the images counts it.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is out of range.

    Example:
        >>> Dice(smooth=1e-5).smooth
        1e-05

    References:
        Milletari, Navab, Ahmadi: V-Net: fully convolutional neural networks for volumetric medical
        image segmentation, 2016.
    """

    kind: ClassVar[str] = "dice"

    _: KW_ONLY
    smooth: float = 1.0
    class_weights: Sequence[float] | Mapping[int, float] | Mapping[str, float] | None = None
    ignore_index: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "smooth", not_negative(self.smooth, "Dice", "smooth"))
        self._check_classes()


@checked_call
@dataclass(frozen=True)
class Tversky(ClassLoss):
    """Tversky loss: `Dice` with weights for the two kinds of errors.

    ``1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)`` with ``tp = sum(p * t)``,
    ``fp = sum(p * (1 - t))`` and ``fn = sum((1 - p) * t)`` over the positions of an image. Outputs,
    targets and means are those of `Dice`. With alpha and beta 1/2, smooth s is `Dice` with 2 s.

    Args:
        alpha: weight of positions wrongly given to the class, at least 0.
        beta: weight of positions of the class that were missed, at least 0; above `alpha`, fewer
            are missed.
        smooth: number of positions added to overlap and sizes, at least 0.
        class_weights: as for `Dice`.
        ignore_index: as for `CrossEntropy`; not for a single output. An image of ignored
            positions alone has the loss 0, and the mean over the images counts it.

    Raises:
        TypeError: if a setting is not a number.
        ValueError: if a setting is out of range.

    Example:
        >>> Tversky(0.3, 0.7).beta
        0.7

    References:
        Salehi, Erdogmus, Gholipour: Tversky loss function for image segmentation using 3D fully
        convolutional deep networks, 2017.
    """

    kind: ClassVar[str] = "tversky"

    alpha: float = 0.5
    beta: float = 0.5
    _: KW_ONLY
    smooth: float = 1.0
    class_weights: Sequence[float] | Mapping[int, float] | Mapping[str, float] | None = None
    ignore_index: int | None = None

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "smooth"):
            object.__setattr__(self, name, not_negative(getattr(self, name), "Tversky", name))
        self._check_classes()
