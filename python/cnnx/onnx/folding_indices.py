"""Constant folding of operators that read or replace parts of an array by arrays of indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnx._core import FormatError
from cnnx.onnx.call import Call
from cnnx.onnx.graph import Array

_SCATTERING: dict[str, Any] = {
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}


def gathered(call: Call) -> Array:
    """Parts of an axis, in the order of the indices."""
    array, indices = call.constant(0), call.constant(1)
    if indices.dtype.kind not in "iu":
        raise FormatError("selects by numbers that are not integers")
    return np.asarray(np.take(array, indices, axis=call.integer("axis", 0)))


def gathered_at(call: Call) -> Array:
    """Parts at the places that the last axis of the indices counts."""
    array, indices = call.constant(0), call.constant(1)
    if call.integer("batch_dims", 0) or not 1 <= indices.shape[-1] <= array.ndim:
        raise FormatError(f"selects from {array.shape} by indices of shape {indices.shape}")
    return np.asarray(array[tuple(np.moveaxis(indices, -1, 0))])


def scattered_at(call: Call) -> Array:
    """An array with other parts at the places that the last axis of the indices counts."""
    array, indices, updates = (call.constant(index) for index in range(3))
    reduction = call.word("reduction", "none")
    if reduction not in ("none", *_SCATTERING):
        raise FormatError(f"has reduction {reduction!r}")
    counted = indices.shape[-1] if indices.ndim else 0
    wanted = (*indices.shape[:-1], *array.shape[counted:])
    if not 1 <= counted <= array.ndim or updates.shape != wanted:
        raise FormatError(
            f"replaces parts of {array.shape} by {updates.shape} at indices of shape "
            f"{indices.shape}"
        )
    result, places = array.copy(), tuple(np.moveaxis(indices, -1, 0))
    if reduction == "none":
        result[places] = updates
    else:
        _SCATTERING[reduction].at(result, places, updates)
    return result
