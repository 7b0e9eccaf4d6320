"""Products of two activations of ONNX, which are matrices in their last axes, as layers."""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np

from cnnx import layers
from cnnx._core import FormatError
from cnnx.layers.merge import TransposedInput
from cnnx.onnx.arrangement import (
    arranged,
    atoms_in,
    axes_of,
    broadcast,
    joined_with_batch,
    outer_sizes,
    shuffles_to,
)
from cnnx.onnx.axes import Activation, Atom, merged, whole
from cnnx.onnx.call import Call
from cnnx.onnx.layout import repeated
from cnnx.onnx.refusal import RefusedError


class _Form(NamedTuple):
    """An order in which the numbers of matrices may lie.

    Attributes:
        transposed: whether each matrix lies column by column.
        order: the atoms of the activation in this order.
        shape: of the image, (matrices, rows, columns), or columns and rows if it is transposed.
        shuffles: number of layers that bring them into this order.
    """

    transposed: bool
    order: list[Atom]
    shape: tuple[int, int, int]
    shuffles: int


def matrix_product(call: Call) -> Activation:
    """A product for each image and each index of the axes before the last two."""
    first, second = (repeated(call.network, call.activation(k)) for k in (0, 1))
    if min(len(first.axes), len(second.axes)) < 3:
        raise RefusedError("multiplies activations of several images with each other")
    if first.onnx_shape[-1] != second.onnx_shape[-2]:
        raise FormatError(f"multiplies arrays of shapes {first.onnx_shape} and {second.onnx_shape}")
    first, second = _of_as_many(call, first, second)
    x, y = min(
        product(_forms(first), _forms(second)), key=lambda pair: pair[0].shuffles + pair[1].shuffles
    )
    images = [
        arranged(call.network, value, form.order, form.shape)
        for value, form in ((first, x), (second, y))
    ]
    rows, columns = first.onnx_shape[-2], second.onnx_shape[-1]
    transposed: TransposedInput = (
        "none" if x.transposed == y.transposed else "first" if x.transposed else "second"
    )
    if x.transposed and y.transposed:  # their product, transposed, is that of the second and first
        symbol = call.network.add(layers.MatMul(), *reversed(images))
        shape = (x.shape[0], columns, rows)
        matrix = [whole("C", rows), whole("W", columns)]
    else:
        symbol = call.network.add(layers.MatMul(transposed), *images)
        shape = (x.shape[0], rows, columns)
        matrix = [whole("W", rows), whole("C", columns)]
    joined, *others = outer_sizes(first)
    outer, *rest = axes_of("H", [joined, *others[:-2]])
    notes = [merged((first.axes[0][0], *outer)), *rest, *matrix]
    return first.computed(symbol, shape, notes)


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
    joined, *others = outer_sizes(value)
    *outer, rows, columns = range(1, len(value.axes))
    count = joined * math.prod(others[:-2])
    forms = []
    for transposed, (lines, numbers) in enumerate(((rows, columns), (columns, rows))):
        order = [*joined_with_batch(value), *atoms_in(value, [*outer, lines, numbers])]
        shape = (count, value.onnx_shape[lines], value.onnx_shape[numbers])
        forms.append(_Form(bool(transposed), order, shape, shuffles_to(value, order)))
    return forms
