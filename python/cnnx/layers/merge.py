"""Layers that merge several arrays: sum, products, maximum, concatenation."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from cnnx.arguments import one_of
from cnnx.layers.base import Layer, LayerWithoutSettings

__all__ = ["Add", "Concat", "MatMul", "Maximum", "Multiply"]

TransposedInput: TypeAlias = Literal["none", "first", "second"]


class Add(LayerWithoutSettings):
    """Elementwise sum of two or more arrays of the same shape.

    Example:
        >>> from cnnx import Conv2d, Input
        >>> image = Input((8, 8, 3))
        >>> Add()(Conv2d(3, 1)(image), image)
        <output of Add() with 2 inputs>
    """

    kind = "add"


class Multiply(LayerWithoutSettings):
    """Elementwise product of two arrays, or of images with one factor per channel or per pixel.

    Shape:
        Two arrays of the same shape; or (batch, height, width, channels) and one of (batch,
        channels), (batch, 1, 1, channels), (batch, height, width, 1).

    References:
        J. Hu, L. Shen, G. Sun: Squeeze-and-Excitation Networks, 2018.
        S. Woo, J. Park, J. Lee, I. Kweon: CBAM: Convolutional Block Attention Module, 2018.

    Example:
        >>> Multiply(name="excite").kind
        'multiply'
    """

    kind = "multiply"


class Maximum(LayerWithoutSettings):
    """Elementwise maximum of two or more arrays of the same shape.

    NaN of any input is the output. Where several inputs are equally large, the whole gradient goes
    to the first of them, or to the first NaN. PyTorch's `torch.maximum` divides it between both.

    Example:
        >>> from cnnx import Conv2d, Input
        >>> image = Input((8, 8, 3))
        >>> Maximum()(Conv2d(8, 1)(image), Conv2d(8, 3, padding=1)(image))
        <output of Maximum() with 2 inputs>
    """

    kind = "maximum"


class MatMul(Layer):
    """Matrix products of two images, as in attention: one for each row of pixels.

    In each row of pixels lies a matrix of (width, channels). That of the first input is multiplied
    with that of the second. An attention of several heads has one head per row: the queries of
    shape (heads, tokens, features) times the transposed keys of the same shape are scores of shape
    (heads, tokens, tokens), whose `Softmax` times the values of shape (heads, tokens, features)
    is the output.

    Args:
        transposed: input whose matrices are transposed before the product: "none", "first" or
            "second".
        name: name in `Model.layer_outputs`; "matmul_1" and so on when None.

    Shape:
        (batch, height, m, k) and (batch, height, k, n) to (batch, height, m, n). The first is
        (batch, height, k, m) or the second (batch, height, n, k) if it is transposed.

    References:
        A. Vaswani and others: Attention Is All You Need, 2017.

    Example:
        >>> from cnnx import Input, Softmax
        >>> queries, keys, values = Input((2, 49, 16)), Input((2, 49, 16)), Input((2, 49, 24))
        >>> scores = MatMul(transposed="second")(queries, keys)
        >>> MatMul()(Softmax()(scores), values)
        <output of MatMul(transposed='none') with 2 inputs>
    """

    kind = "matmul"

    def __init__(self, transposed: TransposedInput = "none", *, name: str | None = None) -> None:
        chosen = one_of(transposed, get_args(TransposedInput), "MatMul", "transposed")
        super().__init__({"transposed": chosen}, name)


class Concat(LayerWithoutSettings):
    """Concatenation along the channels; all other axes must be equal.

    Example:
        >>> Concat().kind
        'concat'
    """

    kind = "concat"
