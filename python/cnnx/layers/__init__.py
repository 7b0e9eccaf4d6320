"""Layers as recipes, without weights: each learns its input when the model is built."""

from cnnx.layers.activations import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from cnnx.layers.base import Layer
from cnnx.layers.convolution import Conv2d
from cnnx.layers.dense import Dense
from cnnx.layers.dropout import Dropout
from cnnx.layers.normalisation import BatchNorm2d
from cnnx.layers.pooling import AvgPool2d, MaxPool2d
from cnnx.layers.shape import Flatten

__all__ = [
    "AvgPool2d",
    "BatchNorm2d",
    "Conv2d",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "LeakyReLU",
    "MaxPool2d",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
]
