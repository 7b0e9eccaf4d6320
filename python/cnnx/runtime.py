"""Number of threads and instruction set of all computations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cnnx import _core
from cnnx.arguments import integer
from cnnx.spelling import checked_call

_MOST = 1024  # the core's limit


def get_num_threads() -> int:
    """Number of threads that one call may use.

    The first that exists of `use_threads`, `set_num_threads`, the environment variables
    CNNX_NUM_THREADS and OMP_NUM_THREADS, and the number of CPUs that this process may use.

    Raises:
        ValueError: if CNNX_NUM_THREADS is not a number from 1 to 1024.

    Example:
        >>> import cnnx
        >>> cnnx.get_num_threads() >= 1
        True
    """
    return _core.get_num_threads()


@checked_call
def set_num_threads(count: int) -> None:
    """Set the number of threads of all computations. Results do not depend on it.

    Args:
        count: number of threads, from 1 to 1024.

    Raises:
        TypeError: if `count` is not an integer.
        ValueError: if it is out of range.

    Example:
        >>> import cnnx
        >>> cnnx.set_num_threads(cnnx.get_num_threads())
    """
    _core.set_num_threads(_thread_count(count, "set_num_threads"))


def _thread_count(count: int, function: str) -> int:
    number = integer(count, function, "count")
    if not 1 <= number <= _MOST:
        raise ValueError(f"{function}: count is {number}, expected 1 to {_MOST}")
    return number


@checked_call
@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Within a `with`, compute with so many threads in the calling thread alone.

    Other threads of the program keep their number, so that the workers of a server can each compute
    alone. Results do not depend on it.

    Args:
        count: number of threads, from 1 to 1024.

    Raises:
        TypeError: if `count` is not an integer.
        ValueError: if it is out of range.

    Example:
        >>> import cnnx
        >>> with cnnx.use_threads(1):
        ...     cnnx.get_num_threads()
        1
    """
    scope = _core.ThreadScope(_thread_count(count, "use_threads"))
    try:
        yield
    finally:
        scope.end()


def isa() -> str:
    """Name of the instruction set of all computations: "baseline", "avx2", "avx512" or "neon".

    It is the best that the CPU has, or that of the environment variable CNNX_ISA, and stays the
    same while the process runs. The sets other than baseline give the same bits; baseline has no
    fused multiply-add and rounds twice.

    Raises:
        ValueError: if CNNX_ISA names an instruction set that is unknown or that the CPU lacks.

    Example:
        >>> import cnnx
        >>> cnnx.isa() in ("baseline", "avx2", "avx512", "neon")
        True
    """
    return _core.isa()


def integer_isa() -> str:
    """Name of the instruction set of the computations in integers, those of quantized layers.

    It is `isa`, or one with instructions for dot products besides: "avx2_vnni",
    "avx512_vnni", "avx512_bf16" (the former and dot products of bfloat16), "amx" or
    "neon_dotprod". All of them give the same bits. CNNX_ISA may name these too.

    Raises:
        ValueError: if CNNX_ISA names an instruction set that is unknown or that the CPU lacks.

    Example:
        >>> import cnnx
        >>> cnnx.integer_isa().split("_")[0] in ("baseline", "avx2", "avx512", "amx", "neon")
        True
    """
    return _core.integer_isa()


def has_native_bfloat16() -> bool:
    """Whether the CPU has instructions for `compute_dtype="bfloat16"`: AMX tiles or AVX-512 BF16.

    `integer_isa` is then "amx" or "avx512_bf16". Without them float32 instructions give the same
    bits, and take longer than a float32 model. With AVX-512 BF16 small networks on small images
    take longer, too.

    Raises:
        ValueError: if CNNX_ISA names an instruction set that is unknown or that the CPU lacks.

    Example:
        >>> import cnnx
        >>> dtype = "bfloat16" if cnnx.has_native_bfloat16() else "float32"
        >>> cnnx.models.mobilenet_v2().compute_dtype = dtype
    """
    return _core.has_native_bfloat16()


def has_threads() -> bool:
    """Whether the library can use several threads; without, `get_num_threads` is always 1.

    Example:
        >>> import cnnx
        >>> cnnx.has_threads() or cnnx.get_num_threads() == 1
        True
    """
    return _core.has_threads()


def has_openmp() -> bool:
    """Whether the library was built with OpenMP, as it is on Linux.

    OMP_PROC_BIND and OMP_PLACES then say on which CPUs the threads run.

    Example:
        >>> import cnnx
        >>> cnnx.has_threads() or not cnnx.has_openmp()
        True
    """
    return _core.has_openmp()
