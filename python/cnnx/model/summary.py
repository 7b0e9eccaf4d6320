"""Table of a model's layers as text."""

from __future__ import annotations

from cnnx import _core


def summary_of(core: _core.Model) -> str:
    """Layers, output shapes and numbers of parameters, with marks at frozen ones."""
    frozen = {name for _, _, name, _, trainable in core.layers if not trainable}
    rows = [
        ("layer", "kind", "output", "parameters", ""),
        ("input", "", str(tuple(core.input_shape)), "", ""),
    ]
    total = frozen_total = 0
    for name, kind, shape, count in core.layer_infos:
        is_frozen = count > 0 and name in frozen
        number = f"{count:,}" if count else ""
        rows.append((name, kind, str(tuple(shape)), number, "frozen" if is_frozen else ""))
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
    counted = f"{total:,} parameters"
    if frozen_total:
        counted += f" ({frozen_total:,} frozen)"
    return "\n".join([*lines, f"{counted}, {total * 4:,} bytes"])
