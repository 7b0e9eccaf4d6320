"""Binary cross-entropy of every output on its own, on logits, and its gradient."""

from __future__ import annotations

from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, same_shapes


def binary_cross_entropy(logits: ArrayLike, targets: ArrayLike) -> float:
    """Mean over all elements of ``max(z, 0) - z * target + log(1 + exp(-abs(z)))`` for logit z.

    That is ``-target * log(sigmoid(z)) - (1 - target) * log(1 - sigmoid(z))`` without overflow.

    Args:
        logits: raw outputs, of any shape.
        targets: of the same shape, in [0, 1].

    Raises:
        TypeError: if an argument is not of a real dtype.
        ValueError: if the shapes differ, there is no element, or a target is not in [0, 1].

    Example:
        >>> round(binary_cross_entropy([0.0, 0.0], [0, 1]), 4)
        0.6931
    """
    z, target = same_shapes("binary_cross_entropy", "logits", logits, "targets", targets)
    return _core.binary_cross_entropy(z, target)


def binary_cross_entropy_backward(logits: ArrayLike, targets: ArrayLike) -> FloatArray:
    """Gradient of `binary_cross_entropy` by the logits z: ``(sigmoid(z) - target) / size``.

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
