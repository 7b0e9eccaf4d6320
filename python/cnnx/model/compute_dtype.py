"""The words of `Model.compute_dtype`, and the warning where bfloat16 is slow."""

from __future__ import annotations

from cnnx import _core
from cnnx.advice import warn
from cnnx.arguments import one_of

COMPUTE_DTYPES = ("float32", "bfloat16")


def set_compute_dtype(core: _core.Model, value: str, function: str) -> None:
    """Set what a model computes with, and warn where bfloat16 takes longer than float32.

    Raises:
        ValueError: for another word, and for bfloat16 if the model is quantized.
    """
    core.compute_dtype = one_of(value, COMPUTE_DTYPES, function, "compute_dtype")
    if value == "bfloat16" and not _core.has_native_bfloat16():
        warn(
            f"{function}: compute_dtype is 'bfloat16', but this CPU has no instructions for it: "
            "results have the same bits as on other CPUs and take longer than in float32; for "
            'speed, model.compute_dtype = "float32"'
        )
