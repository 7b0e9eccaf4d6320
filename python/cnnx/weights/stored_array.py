"""Arrays of a weight file: their names and shapes, and their values once they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import FloatArray

# The types of numbers in weight files, by the names of safetensors. NumPy lacks bfloat16, the upper
# half of a float32.
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
FLOATS = ("F64", "F32", "F16", "BF16")

MOST_AXES = 8


@dataclass(frozen=True)
class StoredArray:
    """Array of a weight file, which is read when `values` is called.

    Attributes:
        name: name in the file.
        dtype: a key of `DTYPES`.
        shape: shape in the file's order of axes.
        read: returns the stored numbers in that shape, as a view of the file where possible.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], NDArray[Any]]

    def values(self) -> FloatArray:
        """The numbers as float32; those of float64 are rounded.

        Raises:
            ValueError: if they are no floats.
        """
        if self.dtype not in FLOATS:
            raise ValueError(
                f"load_into: {self.name} has dtype {self.dtype}, expected one of "
                f"{', '.join(FLOATS)}"
            )
        stored = self.read()
        if self.dtype == "BF16":
            return (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
        with np.errstate(over="ignore"):  # a float64 beyond the range becomes infinite
            return stored.astype(np.float32)
