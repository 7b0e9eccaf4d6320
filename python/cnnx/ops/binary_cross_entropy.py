"""Elementwise binary cross-entropy of logits, and its gradient."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, same_shapes
from cnnx.spelling import checked_call


@checked_call
def binary_cross_entropy(logits: ArrayLike, targets: ArrayLike) -> float:
    """Binary cross-entropy of logits, averaged over all elements.

    For a logit z it is ``-target * log(sigmoid(z)) - (1 - target) * log(1 - sigmoid(z))``, computed
    without overflow as ``max(z, 0) - z * target + log(1 + exp(-abs(z)))``.

    Args:
        logits: raw outputs, array of any shape.
        targets: array of the same shape, values in [0, 1].

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes differ, the arrays are empty, or a target is not in [0, 1].

    Example:
        >>> round(binary_cross_entropy([0.0, 0.0], [0, 1]), 4)
        0.6931
    """
    z, target = same_shapes("binary_cross_entropy", "logits", logits, "targets", targets)
    return _core.binary_cross_entropy(z, target)


@checked_call
def binary_cross_entropy_backward(logits: ArrayLike, targets: ArrayLike) -> FloatArray:
    """Gradient of `binary_cross_entropy` with respect to the logits.

    ``(sigmoid(logits) - targets) / size``

    Args:
        logits: as in `binary_cross_entropy`.
        targets: as in `binary_cross_entropy`.

    Shape:
        Result of the shape of logits.

    Raises:
        TypeError: as `binary_cross_entropy`.
        ValueError: as `binary_cross_entropy`.

    Example:
        >>> binary_cross_entropy_backward([0.0, 0.0], [0, 1])
        array([ 0.25, -0.25], dtype=float32)
    """
    z, target = same_shapes("binary_cross_entropy_backward", "logits", logits, "targets", targets)
    return _core.binary_cross_entropy_backward(z, target)
