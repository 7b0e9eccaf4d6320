"""Reference of layers that merge several arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference.arrays import Array, real


def maximum(*inputs: npt.ArrayLike) -> Array:
    """Largest of the elements; NaN of any array stays."""
    return real(np.max(np.stack([real(x) for x in inputs]), axis=0))


def maximum_backward(grad_output: npt.ArrayLike, *inputs: npt.ArrayLike) -> list[Array]:
    """The gradient goes to the first of the largest elements, or to the first NaN."""
    chosen = np.argmax(np.stack([real(x) for x in inputs]), axis=0)
    return [real(grad_output) * (chosen == place) for place in range(len(inputs))]


def matmul(x: npt.ArrayLike, y: npt.ArrayLike, *, transposed: str = "none") -> Array:
    """Products of the matrices of the last two axes, of which one may be transposed before."""
    first, second = _matrices(x, y, transposed)
    return first @ second


def matmul_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, y: npt.ArrayLike, *, transposed: str = "none"
) -> list[Array]:
    """Gradients of both inputs."""
    grad, (first, second) = real(grad_output), _matrices(x, y, transposed)
    grads = grad @ second.swapaxes(-1, -2), first.swapaxes(-1, -2) @ grad
    return list(_matrices(*grads, transposed))


def _matrices(x: npt.ArrayLike, y: npt.ArrayLike, transposed: str) -> tuple[Array, Array]:
    first, second = real(x), real(y)
    if transposed == "first":
        first = first.swapaxes(-1, -2)
    if transposed == "second":
        second = second.swapaxes(-1, -2)
    return first, second
