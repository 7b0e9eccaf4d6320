"""Layers that move the pixels of random images in bytes, computed by NumPy.

Not part of the package.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import reference
from cnnx import Dropout, Flatten, Input, Model, Reshape
from layer_kinds import CLASSES
from quantized_numbers import Branches, Case, any_images, any_quantization, case_of
from samples import Float32Array


def any_copy(kind: str, rng: np.random.Generator) -> tuple[Float32Array, dict[str, Any]]:
    """Images and the settings of a layer."""
    if kind == "zero_pad2d":
        sides = tuple((int(each[0]), int(each[1])) for each in rng.integers(0, 4, (2, 2)))
        return any_images(rng), {"padding": sides}
    if kind == "crop2d":
        x = any_images(rng)
        top, left = (int(rng.integers(0, size)) for size in x.shape[1:3])
        bottom, right = int(rng.integers(x.shape[1] - top)), int(rng.integers(x.shape[2] - left))
        return x, {"cropping": ((top, bottom), (left, right))}
    if kind == "upsample2d":
        factors = rng.integers(1, 4, 2)
        return any_images(rng), {"scale_factor": (int(factors[0]), int(factors[1]))}
    if kind == "channel_shuffle":
        groups = int(rng.integers(1, 6))
        return any_images(rng, groups * int(rng.choice([1, 3, 16, 29]))), {"groups": groups}
    if kind == "slice_channels":
        x = any_images(rng)
        start = int(rng.integers(0, x.shape[3]))
        return x, {"start": start, "stop": int(rng.integers(start + 1, x.shape[3] + 1))}
    block, channels = int(rng.integers(1, 4)), int(rng.choice([1, 3, 16]))
    settings = {"block_size": block, "mode": ["DCR", "CRD"][rng.integers(2)]}
    deep = any_images(rng, block * block * channels)
    if kind == "depth_to_space":
        return deep, settings
    # At least six rows: images of four could have their channels first.
    wide = reference.depth_to_space(deep.repeat(3, axis=1), **settings)
    return wide.astype(np.float32), settings


def copy_case(kind: str, rng: np.random.Generator) -> Case:
    x, settings = any_copy(kind, rng)
    format_, image = any_quantization(rng, int(rng.integers(0, 256))), Input(x.shape[1:])
    values = format_.values_of(format_.bytes_of(x))
    expected = getattr(reference, kind)(values, **settings).astype(np.float32)
    layer: Any = CLASSES[kind]
    first, copy = [format_.layer(image)], [layer(**settings)]
    branches = Branches(first, copy, expected, True, view=format_)
    return case_of(image, x, branches)


def view_case(rng: np.random.Generator) -> Case:
    """Layers that take no time: a dropout, a quantize layer of the input's format, views."""
    x, format_ = any_images(rng), any_quantization(rng)
    image = Input(x.shape[1:])
    turned = Reshape(x.shape[2:0:-1], x.shape[3])
    output = Flatten()(turned(format_.layer(Dropout(0.5)(format_.layer(image)))))
    values = format_.values_of(format_.bytes_of(x))
    steps = [["quantize_1"], ["flatten_1"]]
    return Case(Model.from_graph(image, output), x, values.reshape(len(x), -1), steps)


COPY_CASES = {
    "flatten": view_case,
    "reshape": view_case,
    **{
        kind: partial(copy_case, kind)
        for kind in (
            "zero_pad2d",
            "crop2d",
            "upsample2d",
            "channel_shuffle",
            "slice_channels",
            "depth_to_space",
            "space_to_depth",
        )
    },
}
