"""The words of `Model.compute_dtype`, the warning where bfloat16 is slow, and float32 instead."""

from __future__ import annotations

from typing import Protocol, TypeVar

from cnnx import _core
from cnnx.advice import warn
from cnnx.arguments import one_of

COMPUTE_DTYPES = ("float32", "bfloat16")


class _Computes(Protocol):
    """A model, or its core."""

    compute_dtype: str

    def clone(self: _Model) -> _Model: ...


_Model = TypeVar("_Model", bound=_Computes)


def in_float32(model: _Model) -> _Model:
    """The model if it computes in float32, or else a copy that does."""
    if model.compute_dtype == "float32":
        return model
    copy = model.clone()
    copy.compute_dtype = "float32"
    return copy


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
