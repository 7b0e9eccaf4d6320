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
