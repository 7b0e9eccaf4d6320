"""Number of threads of all computations."""

from __future__ import annotations

from cnnx import _core
from cnnx.arguments import integer

_MOST = 1024  # the core's limit


def set_num_threads(count: int) -> None:
    """Set the number of threads of all computations, from 1 to 1024. Results do not depend on it.

    Raises:
        TypeError: if `count` is not an integer.
        ValueError: if it is out of range.

    Example:
        >>> import cnnx
        >>> cnnx.set_num_threads(cnnx.get_num_threads())
    """
    number = integer(count, "set_num_threads", "count")
    if not 1 <= number <= _MOST:
        raise ValueError(f"set_num_threads: count is {number}, expected 1 to {_MOST}")
    _core.set_num_threads(number)
