"""Inputs of parity tests: numbers, and the memory layouts and dtypes in which a user may pass them.

Not part of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Float32Array: TypeAlias = "npt.NDArray[np.float32]"
AnyArray: TypeAlias = "npt.NDArray[Any]"


def small_integers(rng: np.random.Generator, *shape: int) -> Float32Array:
    """Small integers: sums of their products are exact in float32, so a direct op must equal NumPy
    exactly.
    """
    return np.asarray(rng.integers(-4, 5, shape), dtype=np.float32)


def gaussians(rng: np.random.Generator, *shape: int) -> Float32Array:
    return np.asarray(rng.standard_normal(shape), dtype=np.float32)


def on_a_float_boundary(array: AnyArray) -> AnyArray:
    """Contiguous, but aligned to 4 bytes only, the least that a caller's memory may be."""
    buffer = np.empty(array.size + 1, dtype=array.dtype)
    view: AnyArray = buffer[1:].reshape(array.shape)
    view[...] = array
    return view


def every_second(array: AnyArray) -> AnyArray:
    """Not contiguous: elements are spread over an array of twice the length in the last axis."""
    spread = np.full((*array.shape[:-1], 2 * array.shape[-1]), 99, dtype=array.dtype)
    spread[..., ::2] = array
    view: AnyArray = spread[..., ::2]
    return view


def read_only(array: AnyArray) -> AnyArray:
    copy: AnyArray = array.copy()
    copy.flags.writeable = False
    return copy


# All hold the same numbers, so an op must give the same bits for each.
FORMS: dict[str, Callable[[AnyArray], Any]] = {
    "aligned to 4 bytes": on_a_float_boundary,
    "every second element": every_second,
    "Fortran order": np.asfortranarray,
    "reversed twice": lambda array: array[::-1].copy()[::-1],
    "read-only": read_only,
    "float64": lambda array: array.astype(np.float64),
    "float64, every second": lambda array: every_second(array.astype(np.float64)),
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "nested lists": lambda array: array.tolist(),
}

INTEGER_FORMS: dict[str, Callable[[AnyArray], Any]] = {
    "int8": lambda array: array.astype(np.int8),
    "int64": lambda array: array.astype(np.int64),
    "int32, every second": lambda array: every_second(array.astype(np.int32)),
    "float16": lambda array: array.astype(np.float16),
}
