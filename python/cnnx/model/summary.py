"""Table of a model's layers as text."""

from __future__ import annotations

from cnnx import _core
from cnnx.model.parameter_sizes import int8_counts, parameter_total


def summary_of(core: _core.Model) -> str:
    """Layers, output shapes and numbers of parameters, with marks at frozen and int8 ones.

    The last line is that of a `compute_dtype` other than float32.
    """
    frozen = {name for _, _, name, _, trainable in core.layers if not trainable}
    rows = [("layer", "kind", "output", "parameters", "")]
    if not core.inputs:  # several have rows of their own
        rows.append(("input", "", str(tuple(core.input_shape)), "", ""))
    int8 = int8_counts(core)
    total = frozen_total = 0
    for name, kind, shape, count in core.layer_infos:
        is_frozen = count > 0 and name in frozen
        number = f"{count:,}" if count else ""
        marks = ["frozen"] if is_frozen else []
        marks += ["int8"] if name in int8 else []
        rows.append((name, kind, str(tuple(shape)), number, ", ".join(marks)))
        total += count
        frozen_total += count if is_frozen else 0
    name_width, kind_width, shape_width, number_width, _ = (
        max(map(len, column)) for column in zip(*rows, strict=True)
    )
    lines = [
        f"{name:{name_width}}  {kind:{kind_width}}  {shape:{shape_width}}  "
        f"{number:>{number_width}}  {mark}".rstrip()
        for name, kind, shape, number, mark in rows
    ]
    lines.append(parameter_total(total, sum(int8.values()), frozen_total))
    if core.compute_dtype != "float32":
        lines.append(f"computes in {core.compute_dtype}")
    return "\n".join(lines)
