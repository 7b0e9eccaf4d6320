"""Layers as recipes, without weights: each learns its input when the model is built."""

from cnnx.layers.activations import (
    GELU,
    HardSwish,
    LeakyReLU,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from cnnx.layers.base import Layer
from cnnx.layers.blocks import Parallel, Residual
from cnnx.layers.convolution import Conv2d, ConvTranspose2d
from cnnx.layers.dense import Dense
from cnnx.layers.dropout import Dropout
from cnnx.layers.graph import Input
from cnnx.layers.merge import Add, Concat, Multiply
from cnnx.layers.normalisation import BatchNorm2d, GroupNorm, LayerNorm
from cnnx.layers.pooling import AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool2d, MaxPool2d
from cnnx.layers.shape import Flatten, Upsample2d, ZeroPad2d

__all__ = [
    "GELU",
    "AdaptiveAvgPool2d",
    "Add",
    "AvgPool2d",
    "BatchNorm2d",
    "Concat",
    "Conv2d",
    "ConvTranspose2d",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2d",
    "GroupNorm",
    "HardSwish",
    "Input",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "MaxPool2d",
    "Multiply",
    "PReLU",
    "Parallel",
    "ReLU",
    "ReLU6",
    "Residual",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "Upsample2d",
    "ZeroPad2d",
]
