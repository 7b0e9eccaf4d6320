"""Small sequential networks of convolutions and dense layers."""

from __future__ import annotations

from collections.abc import Sequence

from cnnx.layers import Conv2d, Dense, Flatten, MaxPool2d, ReLU
from cnnx.model.model import Model
from cnnx.models.classes import count_of, names_of
from cnnx.spelling import checked_call


@checked_call
def lenet5(
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int | Sequence[str] = 10,
    *,
    seed: int = 0,
) -> Model:
    """LeNet-5 with ReLU and max pooling: two convolutions and three dense layers.

    Args:
        input_shape: (height, width, channels), each side 12 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights.

    References:
        Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document
        recognition, Proceedings of the IEEE 86 (1998).

    Example:
        >>> lenet5().output_shape
        (10,)
    """
    return Model(
        [
            Conv2d(6, 5, padding=2),
            ReLU(),
            MaxPool2d(2),
            Conv2d(16, 5),
            ReLU(),
            MaxPool2d(2),
            Flatten(),
            Dense(120),
            ReLU(),
            Dense(84),
            ReLU(),
            Dense(count_of(classes)),
        ],
        input_shape=input_shape,
        classes=names_of(classes),
        seed=seed,
    )


@checked_call
def small(
    input_shape: tuple[int, int, int] = (32, 32, 1),
    classes: int | Sequence[str] = ("X", "O"),
    *,
    seed: int = 0,
) -> Model:
    """Small network of two convolutions with pooling and two dense layers.

    Args:
        input_shape: (height, width, channels), each side 16 or more.
        classes: number of classes, or their names.
        seed: seed of the initial weights.

    Example:
        >>> small((32, 32, 1), ["X", "O"]).output_shape
        (2,)
    """
    return Model(
        [
            Conv2d(16, 3, padding="same"),
            ReLU(),
            MaxPool2d(2),
            Conv2d(32, 3, padding="same"),
            ReLU(),
            MaxPool2d(2),
            Flatten(),
            Dense(64),
            ReLU(),
            Dense(count_of(classes)),
        ],
        input_shape=input_shape,
        classes=names_of(classes),
        seed=seed,
    )
