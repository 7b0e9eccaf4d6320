"""A fast network for CIFAR-10, its training settings and the whitening of its first layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnx.arguments import shown
from cnnx.layers import (
    GELU,
    Add,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dense,
    Flatten,
    Input,
    MaxPool2d,
    Multiply,
    ReLU,
    Sigmoid,
)
from cnnx.layers.base import Symbol
from cnnx.layers.graph import input_shape_of
from cnnx.model.model import Model
from cnnx.models.classes import count_of, names_of
from cnnx.preprocessing import Preprocessing
from cnnx.spelling import checked_call
from cnnx.training.losses import CrossEntropy
from cnnx.training.optimizers import Muon, ParameterRule
from cnnx.training.schedules import Triangular
from cnnx.training.weight_average import WeightAverage

_MEAN, _STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
_WHITENING = 2  # side of the patches that are whitened
_BIAS_RATE = 4.0  # 1.5 / (1 - 0.85) * (1 - 0.6): the same total step as published
_LOGIT_SCALE = 9.0  # divisor of the last layer's weights, which keeps the first steps small


@checked_call
def fast_cifar(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int | Sequence[str] = 10,
    *,
    images: NDArray[np.uint8] | None = None,
    seed: int = 0,
) -> Model:
    """Small residual network for CIFAR-10 with 3.2 million parameters.

    It trains in ten to twenty epochs. A 2x2 whitening convolution is followed by three groups of
    64, 256 and 256 channels. Each group is a 3x3 convolution, max pooling, and a residual block of
    two more convolutions with squeeze-and-excitation gates. Batch norm and GELU follow every
    convolution. This is the network of airbench94 with the third convolution and the shortcut of
    airbench96, and the gates.

    The first layer is padded and the last pooling covers the whole map. Maps of 32, 16, 8 and 4
    pixels fill Winograd's tiles of 4 completely, so they cost the same as the original's 31, 15, 7
    and 3.

    `fast_cifar_recipe` has the training settings. `benchmarks/cifar10.py` is the full training
    script with flips and shifts. Convolutions are initialised to the identity on their first
    channels.

    Args:
        input_shape: (height, width, channels), each side 8 or more.
        classes: number of classes, or their names.
        images: (n, height, width, channels) of uint8. The filters of the first layer whiten their
            2x2 patches. None initialises these filters at random.
        seed: seed of the initial weights.

    References:
        K. Jordan: 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024. Hu, Shen, Sun:
        Squeeze-and-excitation networks, 2018.

    Example:
        >>> fast_cifar().output_shape
        (10,)
    """
    height, width, colours = input_shape_of(input_shape, "fast_cifar", "input_shape")
    image = Input(input_shape)
    filters = 2 * _WHITENING * _WHITENING * colours
    maps = GELU()(Conv2d(filters, _WHITENING, padding="same", name="whitening")(image))
    for group, channels in enumerate((64, 256, 256), 1):
        maps = GELU()(_norm()(MaxPool2d(2)(_convolution(channels)(maps))))
        inner = _norm()(_convolution(channels)(GELU()(_norm()(_convolution(channels)(maps)))))
        gates = _gates(inner, channels, (height >> group, width >> group), group)
        maps = GELU()(Add()(Multiply()(inner, gates), maps))
    features = Flatten()(MaxPool2d((height >> 3, width >> 3))(maps))
    model = Model.from_graph(
        image,
        Dense(count_of(classes), bias=False)(features),
        classes=names_of(classes),
        preprocessing=Preprocessing(mean=_MEAN, std=_STD) if colours == 3 else Preprocessing(),
        seed=seed,
    )
    for name in model.parameters:
        if name.startswith(("conv2d", "dense")):
            # Rescale He uniform to a uniform distribution within 1 / sqrt(fan-in).
            model.parameters[name] = model.parameters[name] / np.float32(math.sqrt(6))
        if name.startswith("conv2d") and "gate" not in name:
            model.parameters[name] = _with_identity(model.parameters[name])
        if name.startswith("dense"):
            model.parameters[name] = model.parameters[name] / np.float32(_LOGIT_SCALE)
    if images is not None:
        whiten(model, images)
    return model


def _convolution(channels: int) -> Conv2d:
    return Conv2d(channels, 3, padding=1, bias=False)


def _norm() -> BatchNorm2d:
    return BatchNorm2d(momentum=0.4, epsilon=1e-12)


def _gates(maps: Symbol, channels: int, size: tuple[int, int], group: int) -> Symbol:
    """Squeeze-and-excitation: a factor per channel, computed from the means of all channels."""
    squeezed = Conv2d(max(16, channels // 8), 1, name=f"conv2d_gate_{group}a")(
        AvgPool2d(size)(maps)
    )
    return Sigmoid()(Conv2d(channels, 1, name=f"conv2d_gate_{group}b")(ReLU()(squeezed)))


def fast_cifar_recipe() -> dict[str, Any]:
    """Arguments of a `Trainer` for `fast_cifar` and batches of 1024.

    `Muon` updates the convolutions with a learning rate that decays to 0. The whitening filters
    and the weights of the norms are frozen. The biases of the norms have 64 times the learning
    rate of other biases. The last layer is trained as if its outputs were divided by 9. Label
    smoothing is 0.2, and weights are averaged. `benchmarks/cifar10.py` adds the augmentation.

    Example:
        >>> import cnnx
        >>> trainer = cnnx.Trainer(fast_cifar(), **fast_cifar_recipe(), seed=1)

    References:
        K. Jordan: 94% on CIFAR-10 in 3.29 Seconds on a Single GPU, 2024; its learning rates for
        SGD with momentum 0.85, converted to momentum 0.6.
    """
    optimizer = Muon(0.1, momentum=0.6, weight_decay=0.1, iterations=3, matrices="conv2d_*.weight")
    # All other parameters: separate learning rates and no weight decay.
    rates = {
        "whitening.weight": 0.0,
        "whitening.bias": _BIAS_RATE,
        "batch_norm2d_*.weight": 0.0,
        "batch_norm2d_*.bias": 64 * _BIAS_RATE,
        "dense_1.weight": _BIAS_RATE / _LOGIT_SCALE**2,
    }
    return {
        "optimizer": optimizer,
        "rules": [
            ParameterRule(
                pattern,
                learning_rate_factor=rate / optimizer.learning_rate,
                weight_decay_factor=0,
            )
            for pattern, rate in rates.items()
        ],
        "loss": CrossEntropy(label_smoothing=0.2),
        "schedule": Triangular(0.23, start=0.2),
        "averaging": WeightAverage(0.9, every=5),
    }


def whiten(model: Model, images: NDArray[np.uint8]) -> None:
    """Set the first layer of a `fast_cifar` to whitening filters.

    The filters are the principal axes of the 2x2 patches, each scaled to unit variance, and their
    negatives.

    Args:
        model: a `fast_cifar`.
        images: (n, height, width, channels) of uint8; a few thousand are enough.

    Raises:
        TypeError: if the images are no array.
        ValueError: if the images are not of the model's shape, or not uint8.
    """
    if not isinstance(images, np.ndarray):
        raise TypeError(f"whiten: images is {shown(images)}, expected an array of uint8")
    if images.dtype != np.uint8 or images.shape[1:] != model.input_shape:
        raise ValueError(
            f"whiten: images has dtype {images.dtype} and shape {images.shape}, "
            f"expected uint8 and (n, *{model.input_shape})"
        )
    deviations, axes = _principal_axes(_covariance(images, model.preprocessing))
    filters = axes / np.sqrt(deviations + 5e-4)
    side, channels = _WHITENING, model.input_shape[2]
    both = np.concatenate([filters, -filters], axis=1)
    model.parameters["whitening.weight"] = both.reshape(side, side, channels, -1)
    model.parameters["whitening.bias"] = np.zeros(both.shape[1])


def _with_identity(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """`weight` with its first filters set to the identity."""
    inputs = min(weight.shape[2:])
    middle = weight.shape[0] // 2
    changed = weight.copy()
    changed[:, :, :, :inputs] = 0
    changed[middle, middle, range(inputs), range(inputs)] = 1
    return changed


def _covariance(images: NDArray[np.uint8], how: Preprocessing) -> NDArray[np.float64]:
    """Mean products of a patch's normalised pixels, from exact integer sums."""
    height, width = (size - _WHITENING + 1 for size in images.shape[1:3])
    views = [
        images[:, y : y + height, x : x + width, channel]
        for y in range(_WHITENING)
        for x in range(_WHITENING)
        for channel in range(images.shape[3])
    ]
    count = views[0].size
    size = len(views)
    sums = np.array([int(view.sum(dtype=np.int64)) for view in views], dtype=np.float64)
    products = np.zeros((size, size))
    for i, first in enumerate(views):
        wide = first.astype(np.int32)
        for j in range(i + 1):
            products[i, j] = products[j, i] = int((wide * views[j]).sum(dtype=np.int64))
    channels = np.arange(size) % images.shape[3]
    mean = np.broadcast_to(np.asarray(how.mean), images.shape[3])[channels]
    std = np.broadcast_to(np.asarray(how.std), images.shape[3])[channels]
    average = sums / count / 255
    uncentred = products / count / 255**2
    shifted = uncentred - np.outer(average, mean) - np.outer(mean, average) + np.outer(mean, mean)
    return np.asarray(shifted / np.outer(std, std))


def _principal_axes(matrix: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Eigenvalues in descending order and eigenvectors as columns, by Jacobi rotations.

    The operations have a fixed order, so that every machine gives the same bits.
    """
    size = len(matrix)
    rotated = matrix.copy()
    axes = np.eye(size)
    for _ in range(30):
        for p in range(size):
            for q in range(p + 1, size):
                if rotated[p, q] == 0:
                    continue
                slope = (rotated[q, q] - rotated[p, p]) / (2 * rotated[p, q])
                # Its square would overflow; the angle is 0 to all digits.
                if abs(slope) > 1e100:
                    continue
                tangent = math.copysign(1, slope) / (abs(slope) + math.sqrt(slope * slope + 1))
                cosine = 1 / math.sqrt(tangent * tangent + 1)
                sine = tangent * cosine
                for array in (rotated, axes):
                    column = array[:, p].copy()
                    array[:, p] = cosine * column - sine * array[:, q]
                    array[:, q] = sine * column + cosine * array[:, q]
                row = rotated[p].copy()
                rotated[p] = cosine * row - sine * rotated[q]
                rotated[q] = sine * row + cosine * rotated[q]
    values = np.diag(rotated)
    order = np.argsort(-values, kind="stable")
    return values[order], axes[:, order]
