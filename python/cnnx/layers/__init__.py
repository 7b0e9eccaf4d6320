"""Layers: kind, settings and name, without weights; a model infers their input shapes."""

from cnnx.layers import (
    activations,
    blocks,
    convolution,
    custom,
    dense,
    dropout,
    merge,
    normalisation,
    parameter,
    pooling,
    quantization,
    shape,
)
from cnnx.layers.activations import *
from cnnx.layers.base import Layer
from cnnx.layers.blocks import *
from cnnx.layers.convolution import *
from cnnx.layers.custom import *
from cnnx.layers.dense import *
from cnnx.layers.dropout import *
from cnnx.layers.graph import Input
from cnnx.layers.merge import *
from cnnx.layers.normalisation import *
from cnnx.layers.parameter import *
from cnnx.layers.pooling import *
from cnnx.layers.quantization import *
from cnnx.layers.shape import *

__all__ = ["Input", "Layer"]
__all__ += activations.__all__
__all__ += blocks.__all__
__all__ += convolution.__all__
__all__ += custom.__all__
__all__ += dense.__all__
__all__ += dropout.__all__
__all__ += merge.__all__
__all__ += normalisation.__all__
__all__ += parameter.__all__
__all__ += pooling.__all__
__all__ += quantization.__all__
__all__ += shape.__all__
