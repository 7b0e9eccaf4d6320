"""Operators of ONNX: for each one a function that adds its layers to a network."""

from cnnx.onnx.call import Operator
from cnnx.onnx.operators import (
    activations,
    arithmetic,
    channels,
    convolution,
    einsum,
    normalisation,
    pooling,
    quantization,
    resampling,
    shapes,
)

OPERATORS: dict[str, Operator] = {
    **activations.OPERATORS,
    **arithmetic.OPERATORS,
    **channels.OPERATORS,
    **convolution.OPERATORS,
    **einsum.OPERATORS,
    **normalisation.OPERATORS,
    **pooling.OPERATORS,
    **quantization.OPERATORS,
    **resampling.OPERATORS,
    **shapes.OPERATORS,
}
