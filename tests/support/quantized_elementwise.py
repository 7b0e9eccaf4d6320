"""Sums, products, joined arrays and activations of random images in bytes, computed by NumPy.

Not part of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import layer_kinds
import numpy as np
import reference
from activation_names import ACTIVATIONS
from cnnx import (
    Add,
    Clip,
    Concat,
    Input,
    Layer,
    Maximum,
    MaxPool2d,
    Multiply,
    ReLU,
    ReLU6,
    SliceChannels,
)
from quantized_numbers import (
    Branches,
    Case,
    Quantization,
    any_images,
    any_quantization,
    case_of,
    finished,
    layers_of,
)
from samples import Float32Array


def add_case(rng: np.random.Generator) -> Case:
    x = any_images(rng)
    formats = [any_quantization(rng) for _ in range(rng.integers(2, 5))]
    output = any_quantization(rng) if rng.random() < 0.8 else None
    limit = [None, ReLU(), ReLU6()][rng.integers(3)]
    unit = np.float32(output.scale if output else 1)
    terms = [
        (each.bytes_of(x) - each.zero_point).astype(np.float32) * (np.float32(each.scale) / unit)
        for each in formats
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    least, most = (0 if limit else -np.inf), (6 if isinstance(limit, ReLU6) else np.inf)
    image = Input(x.shape[1:])
    first = [each.layer(image) for each in formats]
    last, expected = layers_of(Add(), limit, output), finished(total, output, least, most)
    return case_of(image, x, Branches(first, last, expected, output is not None))


def multiply_case(rng: np.random.Generator) -> Case:
    """Factors per element, per channel (a map's maxima) or per pixel (its first channel)."""
    x = any_images(rng)
    image = Input(x.shape[1:])
    map_format, factor_format, output = (any_quantization(rng) for _ in range(3))
    with_output = bool(rng.random() < 0.8)
    map_, kind = map_format.layer(image), rng.integers(3)
    values = map_format.bytes_of(x)
    if kind == 0:
        factors, factor_bytes = factor_format.layer(image), factor_format.bytes_of(x)
    else:
        source: Any = MaxPool2d(x.shape[1:3]) if kind == 1 else SliceChannels(0, 1)
        from_map = values.max(axis=(1, 2), keepdims=True) if kind == 1 else values[..., :1]
        factors = factor_format.layer(source(map_))
        factor_bytes = factor_format.bytes_of(map_format.values_of(from_map))
    unit = np.float64(np.float32(map_format.scale)) * np.float32(factor_format.scale)
    if with_output:
        unit /= np.float32(output.scale)
    differences = (values - map_format.zero_point).astype(np.float32)
    product = differences * (factor_bytes - factor_format.zero_point).astype(np.float32)
    expected = finished(product * np.float32(unit), output if with_output else None)
    last = layers_of(Multiply(), output if with_output else None)
    return case_of(image, x, Branches([map_, factors], last, expected, with_output))


def copies_case(
    layer: Layer, merged: Callable[[list[Float32Array]], Float32Array], rng: np.random.Generator
) -> Case:
    """A layer that computes nothing, of one format or of several."""
    x = any_images(rng)
    image = Input(x.shape[1:])
    formats = [any_quantization(rng) for _ in range(rng.integers(2, 5))]
    if rng.random() < 0.4:
        formats = formats[:1] * len(formats)
    output = any_quantization(rng) if rng.random() < 0.6 else None
    sources = [(image, x), (Clip(-0.5, 0.5)(image), np.clip(x, -0.5, 0.5))]
    first, parts = [], []
    for index, each in enumerate(formats):
        symbol, numbers = sources[index % 2]
        first.append(each.layer(symbol))
        parts.append(each.values_of(each.bytes_of(numbers)))
    values = merged(parts)
    expected = output.values_of(output.bytes_of(values)) if output else values
    in_bytes = output is not None or len(set(formats)) == 1
    return case_of(image, x, Branches(first, layers_of(layer, output), expected, in_bytes))


def activation_case(kind: str, rng: np.random.Generator) -> Case:
    """Within half a step of the exact function, or rounded to float32 without a quantize layer."""
    x, format_ = any_images(rng), any_quantization(rng, int(rng.integers(0, 256)))
    image = Input(x.shape[1:])
    output: Quantization | None = any_quantization(rng, 0 if rng.integers(2) else None)
    if rng.random() >= 0.8 and kind != "reciprocal":  # whose infinities have no difference
        output = None
    changed = bool(rng.integers(2))
    layer = layer_kinds.layer(kind, changed=changed)
    function = partial(getattr(reference, kind), **layer_kinds.arguments(kind, changed=changed))
    exact = function(format_.values_of(format_.bytes_of(x)).astype(np.float64))
    tolerance = 1e-5
    if output:
        exact = np.clip(exact, *output.values_of(np.array([0, 255])))
        tolerance = 0.5001 * output.scale
    # The output stays in bytes if the input's format has all values.
    numbers = format_.values_of(np.arange(256))
    stays = set(function(numbers.astype(np.float64)).astype(np.float32)) <= set(numbers)
    first = [format_.layer(image)]
    in_bytes = output is not None or stays
    return case_of(image, x, Branches(first, layers_of(layer, output), exact, in_bytes, tolerance))


def requantized_case(rng: np.random.Generator) -> Case:
    x, format_, output = any_images(rng), any_quantization(rng), any_quantization(rng)
    image = Input(x.shape[1:])
    expected = output.values_of(output.bytes_of(format_.values_of(format_.bytes_of(x))))
    return case_of(image, x, Branches([format_.layer(image)], [output.layer], expected, True))


ELEMENTWISE_CASES = {
    "add": add_case,
    "multiply": multiply_case,
    "concat": partial(copies_case, Concat(), partial(np.concatenate, axis=-1)),
    "maximum": partial(copies_case, Maximum(), partial(np.max, axis=0)),
    "quantize": requantized_case,
    **{kind: partial(activation_case, kind) for kind in ACTIVATIONS if kind != "quantize"},
}
