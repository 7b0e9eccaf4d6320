"""Numbers of parameters of each layer that are int8, and the bytes of all of them."""

from __future__ import annotations

import math

from cnnx import _core


def int8_counts(core: _core.Model) -> dict[str, int]:
    """Number of int8 parameters of every layer that has any."""
    sizes = {name: math.prod(shape) for name, shape, _ in core.parameter_infos}
    return {
        name: sizes[f"{name}.weight"]
        for _, settings, name, _, _ in core.layers
        if settings.get("int8_weight", False)
    }


def parameter_total(count: int, int8: int, frozen: int) -> str:
    """A number of parameters and their bytes in words, with those that are int8 or frozen."""
    parts = [f"{int8:,} int8"] if int8 else []
    parts += [f"{frozen:,} frozen"] if frozen else []
    of_these = f" ({', '.join(parts)})" if parts else ""
    counted = f"{count:,} parameter{'' if count == 1 else 's'}"
    return f"{counted}{of_these}, {4 * count - 3 * int8:,} bytes"


def refuse_int8(core: _core.Model, function: str) -> None:
    """Refuse a model whose weights cannot be trained.

    Raises:
        ValueError: if a layer has int8 weights.
    """
    for name in int8_counts(core):
        raise ValueError(
            f"{function}: {name}.weight is int8, expected a model with float32 weights: train that "
            "one and quantize it again"
        )
