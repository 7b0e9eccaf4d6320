"""Products of two activations of ONNX, which are matrices in their last axes, as layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from cnnx import layers
from cnnx._core import FormatError
from cnnx.layers.merge import TransposedInput
from cnnx.onnx.arrangement import broadcast, image_atoms, image_with, shuffles_to
from cnnx.onnx.axes import Activation, whole
from cnnx.onnx.call import Call
from cnnx.onnx.layout import repeated
from cnnx.onnx.refusal import RefusedError


class _Form(NamedTuple):
    """An order in which the numbers of matrices may lie.

    Attributes:
        transposed: whether each matrix lies column by column.
        axes: those before the matrices, and the two of the matrices in this order.
        shuffles: number of layers that bring the activation into this order.
    """

    transposed: bool
    axes: tuple[Sequence[int], tuple[int], tuple[int]]
    shuffles: int


def matrix_product(call: Call, first: Activation, second: Activation) -> Activation:
    """A product for each image and each index of the axes before the last two."""
    first, second = (repeated(call.network, each) for each in (first, second))
    if min(len(first.axes), len(second.axes)) < 3:
        raise RefusedError("multiplies activations of several images with each other")
    if first.onnx_shape[-1] != second.onnx_shape[-2]:
        raise FormatError(f"multiplies arrays of shapes {first.onnx_shape} and {second.onnx_shape}")
    first, second = _of_as_many(call, first, second)
    x, y = min(
        product(_forms(first), _forms(second)), key=lambda pair: pair[0].shuffles + pair[1].shuffles
    )
    a, b = (
        image_with(call.network, value, *form.axes) for value, form in ((first, x), (second, y))
    )
    rows, columns = first.onnx_shape[-2], second.onnx_shape[-1]
    transposed: TransposedInput = (
        "none" if x.transposed == y.transposed else "first" if x.transposed else "second"
    )
    if x.transposed and y.transposed:  # their product, transposed, is that of the second and first
        symbol = call.network.add(layers.MatMul(), b.symbol, a.symbol)
        matrix, shape = [whole("C", rows), whole("W", columns)], (a.shape[0], columns, rows)
    else:
        symbol = call.network.add(layers.MatMul(transposed), a.symbol, b.symbol)
        matrix, shape = [whole("W", rows), whole("C", columns)], (a.shape[0], rows, columns)
    return first.computed(symbol, shape, [*a.axes[:-2], *matrix])


def _of_as_many(call: Call, first: Activation, second: Activation) -> tuple[Activation, Activation]:
    """Both activations with as many matrices, repeated where one has one for several."""
    outer = [each.onnx_shape[:-2] for each in (first, second)]
    if len(outer[0]) != len(outer[1]) or outer[0][0] != outer[1][0]:
        raise RefusedError("multiplies activations of several images with each other")
    shape = np.broadcast_shapes(*outer)
    first, second = (
        broadcast(call.network, each, shape + each.onnx_shape[-2:], range(1, len(each.axes)))
        for each in (first, second)
    )
    return first, second


def _forms(value: Activation) -> list[_Form]:
    """Row by row, and column by column."""
    *outer, rows, columns = range(1, len(value.axes))
    forms = []
    for lines, numbers in ((rows, columns), (columns, rows)):
        shuffles = shuffles_to(value, image_atoms(value, [*outer, lines, numbers]))
        forms.append(_Form(lines == columns, (outer, (lines,), (numbers,)), shuffles))
    return forms
