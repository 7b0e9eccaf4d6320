"""Networks of the estimators: the default ones, and those that a user names or builds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from cnnx import models
from cnnx.arguments import shown
from cnnx.layers import (
    BatchNorm2d,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    MaxPool2d,
    ReLU,
)
from cnnx.model.model import Model
from cnnx.model.model_argument import check_model
from cnnx.models.classes import count_of, names_of
from cnnx.sklearn.pixels import ImageShape
from cnnx.spelling import nearest

Network: TypeAlias = "str | Model | Callable[..., Model]"

AUTO = "auto"
_NAMES = [name for name in models.__all__ if not name.endswith("_recipe")]
_LEAST_SIDE = 8  # of maps that are pooled
_MOST_CHANNELS = 128
_HIDDEN = 64  # units of a dense layer


def default_network(
    input_shape: ImageShape, classes: int | Sequence[str], *, seed: int = 0
) -> Model:
    """Small network for images of any size: pairs of 3x3 convolutions with batch norm.

    Max pooling halves the maps between the pairs until a side is below 8, while the channels
    double to at most 128, from 16, or from 32 for images with a side below 16. For one pixel, whose
    channels are the features of a table, it is a network of two hidden dense layers.

    Args:
        input_shape: (height, width, channels).
        classes: number of outputs, or their names.
        seed: seed of the initial weights.

    Example:
        >>> [layer.kind for layer in default_network((1, 1, 5), 2).layers][-3:]
        ['dense', 'relu', 'dense']
    """
    height, width, _ = input_shape
    layers: list[Layer]
    if height == width == 1:
        layers = [Flatten(), Dense(_HIDDEN), ReLU(), Dense(_HIDDEN), ReLU()]
    else:
        side = min(height, width)
        channels = 16 if side >= 2 * _LEAST_SIDE else 32
        layers = _two_convolutions(channels)
        while side >= _LEAST_SIDE:
            channels, side = min(2 * channels, _MOST_CHANNELS), side // 2
            layers += [MaxPool2d(2), *_two_convolutions(channels)]
        layers += [GlobalAvgPool2d(), Dropout(0.2)]
    return Model(
        [*layers, Dense(count_of(classes))],
        input_shape=input_shape,
        classes=names_of(classes),
        seed=seed,
    )


def _two_convolutions(channels: int) -> list[Layer]:
    layers: list[Layer] = []
    for _ in range(2):
        layers += [Conv2d(channels, 3, padding="same", bias=False), BatchNorm2d(), ReLU()]
    return layers


def built_network(
    network: Network, input_shape: ImageShape, classes: int | list[str], seed: int, who: str
) -> Model:
    """Model of an estimator.

    Args:
        network: "auto", a name in `cnnx.models`, a function, or a model to copy.
        input_shape: (height, width, channels).
        classes: number of outputs, or their names.
        seed: seed of the initial weights, for functions that have such a parameter.
        who: named in errors.

    Raises:
        TypeError: if network is none of these, or the function returns no model.
        ValueError: if the name is unknown, or the model does not fit the images or the classes.
    """
    if isinstance(network, Model):
        model = _with_outputs(network, classes, seed)
    elif isinstance(network, str):
        model = _named(network, who)(input_shape, classes, seed=seed)
    elif callable(network):
        model = network(input_shape, classes, **_seed_of(network, seed))
    else:
        raise TypeError(
            f"{who}: network is {shown(network)}, expected a name such as 'resnet20', a Model or a "
            "function (input_shape, classes) -> Model"
        )
    check_model(model, who, "network returned")
    _check_fit(model, input_shape, (count_of(classes),), who)
    return model


def _named(name: str, who: str) -> Callable[..., Model]:
    if name == AUTO:
        return default_network
    if name not in _NAMES:
        known = [*map(repr, nearest(name, _NAMES)), ", ".join(map(repr, [AUTO, *_NAMES]))]
        raise ValueError(f"{who}: network is {name!r}, expected {known[0]}")
    function: Callable[..., Model] = getattr(models, name)
    return function


def _seed_of(function: Callable[..., Model], seed: int) -> dict[str, Any]:
    return {"seed": seed} if "seed" in inspect.signature(function).parameters else {}


def _with_outputs(model: Model, classes: int | list[str], seed: int) -> Model:
    """Copy of a model, with a new last layer unless it has these classes or so many outputs."""
    has_classes = isinstance(classes, int) or model.classes == classes
    if has_classes and model.output_shape == (count_of(classes),):
        return model.clone()
    return model.with_classes(classes, seed=seed)


def _check_fit(
    model: Model, input_shape: ImageShape, output_shape: tuple[int, ...], who: str
) -> None:
    if model.input_shape != input_shape:
        raise ValueError(
            f"{who}: network has input_shape {model.input_shape}, expected that of the images, "
            f"{input_shape}"
        )
    if model.output_shape != output_shape:
        raise ValueError(
            f"{who}: network has outputs of shape {model.output_shape}, expected {output_shape}"
        )
