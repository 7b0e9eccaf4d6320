"""ConvNeXt: wide depthwise convolutions with layer norm and scaled residual branches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnx.layers import (
    GELU,
    Conv2d,
    Dense,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    Residual,
    Scale2d,
)
from cnnx.model.model import Model
from cnnx.models.classes import count_of, names_of
from cnnx.spelling import checked_call

_STAGES = ((96, 3), (192, 3), (384, 9), (768, 3))  # channels and blocks
_LAYER_SCALE = 1e-6  # initial factor of every residual branch


@checked_call
def convnext_tiny(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    classes: int | Sequence[str] = 1000,
    *,
    seed: int = 0,
) -> Model:
    """ConvNeXt-Tiny, 28.6 million parameters for 1000 classes.

    Stochastic depth, which drops whole branches in training, is omitted. Predictions are those of
    the original.

    Args:
        input_shape: (height, width, channels), each side 32 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights, with He's variance. The factors of the residual branches
            begin at 1e-6, as in the paper.

    References:
        Z. Liu, H. Mao, C.-Y. Wu, C. Feichtenhofer, T. Darrell, S. Xie: A ConvNet for the 2020s,
        2022; layers as in torchvision.
    """
    layers: list[Layer] = [Conv2d(96, 4, stride=4), _norm()]
    for stage, (channels, blocks) in enumerate(_STAGES):
        if stage > 0:
            layers += [_norm(), Conv2d(channels, 2, stride=2)]
        layers += [_block(channels) for _ in range(blocks)]
    layers += [GlobalAvgPool2d(), _norm(), Dense(count_of(classes))]
    model = Model(layers, input_shape=input_shape, classes=names_of(classes), seed=seed)
    for layer in model.layers:
        if layer.kind == "scale2d":
            name = f"{layer.name}.weight"
            model.parameters[name] = np.full_like(model.parameters[name], _LAYER_SCALE)
    return model


def _block(channels: int) -> Residual:
    depthwise = Conv2d(channels, 7, padding=3, groups=channels)
    # Dense layers of every pixel, which are 1x1 convolutions.
    expand, project = Conv2d(4 * channels, 1), Conv2d(channels, 1)
    return Residual([depthwise, _norm(), expand, GELU(), project, Scale2d(bias=False)])


def _norm() -> LayerNorm:
    return LayerNorm(epsilon=1e-6)
