"""The networks of the benchmarks in a form of their own, with one set of weights for all libraries.

Images and weights are as in cnnx, (batch, height, width, channels) and (kernel_height,
kernel_width, in_channels / groups, out_channels); `channels_first` transposes weights to the order
of PyTorch and ONNX.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = "NDArray[np.float32]"
CLASSES = 10
# The training steps whose losses are compared, and the learning rate of the timed steps. That rate
# is so small that the network hardly changes: after thousands of steps on the same images its
# gradients would be denormal numbers.
CHECKED_STEPS, CHECKED_RATE, TIMED_RATE, MOMENTUM = 5, 0.01, 1e-6, 0.9


class Convolution(NamedTuple):
    """A square convolution."""

    out_channels: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    groups: int = 1
    bias: bool = True


class BatchNorm(NamedTuple):
    """Batch normalisation."""


class Gelu(NamedTuple):
    """GELU: x times the standard normal distribution function at x."""


class Relu(NamedTuple):
    """ReLU."""


class MaxPool(NamedTuple):
    """Max pooling over squares side by side."""

    size: int


class AveragePool(NamedTuple):
    """Average pooling over squares side by side."""

    size: int


class Flatten(NamedTuple):
    """Flattening of an image."""


class Dense(NamedTuple):
    """A fully connected layer with a bias."""

    out_features: int


class Residual(NamedTuple):
    """The sum of a body and a shortcut; an empty shortcut is the identity."""

    body: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()


Layer: TypeAlias = (
    "Convolution | BatchNorm | Relu | Gelu | MaxPool | AveragePool | Flatten | Dense | Residual"
)
Shape: TypeAlias = tuple[int, ...]


class Network(NamedTuple):
    """Layers in order, for images of (height, width, channels)."""

    input_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]


class Parameters(NamedTuple):
    """The drawn parameters of a layer."""

    weight: FloatArray
    bias: FloatArray | None

    def arrays(self) -> list[FloatArray]:
        """The weight, and the bias if there is one."""
        return [self.weight] if self.bias is None else [self.weight, self.bias]


class NetworkTask(NamedTuple):
    """The task that a `network_in_*` module prepares.

    Attributes:
        network: a name in `NETWORKS`.
        batch: images per call.
        training: a train step, or else inference that gives the logits.
        threads: number of threads.
        mode: a variant of the module.
    """

    network: str
    batch: int
    training: bool
    threads: int
    mode: str = ""


def output_shape(layer: Layer, shape: Shape) -> Shape:
    """The output shape of a layer for one image."""
    if isinstance(layer, Convolution):
        reach = 2 * layer.padding - layer.kernel_size
        height, width = ((side + reach) // layer.stride + 1 for side in shape[:2])
        return height, width, layer.out_channels
    if isinstance(layer, MaxPool | AveragePool):
        return shape[0] // layer.size, shape[1] // layer.size, shape[2]
    if isinstance(layer, Flatten):
        return (int(np.prod(shape)),)
    if isinstance(layer, Dense):
        return (layer.out_features,)
    if isinstance(layer, Residual):
        for each in layer.body:
            shape = output_shape(each, shape)
    return shape


def with_input_shapes(layers: tuple[Layer, ...], shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """Each layer with its input shape for one image."""
    for layer in layers:
        yield layer, shape
        shape = output_shape(layer, shape)


def leaves(layers: tuple[Layer, ...], shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """The same with the layers inside residuals, the shortcut's before the body's."""
    for layer, reached in with_input_shapes(layers, shape):
        if isinstance(layer, Residual):
            yield from leaves(layer.shortcut, reached)
            yield from leaves(layer.body, reached)
        else:
            yield layer, reached


def weight_shape(layer: Layer, shape: Shape) -> Shape | None:
    """The shape of a layer's weight, None if it has none."""
    if isinstance(layer, Convolution):
        kernel = layer.kernel_size
        return kernel, kernel, shape[2] // layer.groups, layer.out_channels
    if isinstance(layer, Dense):
        return shape[0], layer.out_features
    return shape[2:] if isinstance(layer, BatchNorm) else None


def draw_parameters(network: Network, seed: int = 0) -> list[Parameters]:
    """Weights of variance 2 / fan-in, which preserve the range of values in a ReLU network of any
    depth; variance 1 / fan-in in the last layer. The scales of batch norms are around 1, and
    smaller at the end of a residual's body, which preserves the range of sums too.
    """
    random = np.random.default_rng(seed)
    ends = {id(layer.body[-1]) for layer in network.layers if isinstance(layer, Residual)}
    drawn = []
    for layer, reached in leaves(network.layers, network.input_shape):
        shape = weight_shape(layer, reached)
        if shape is None:
            continue
        gain = 1 if layer is network.layers[-1] else 2
        weight = random.normal(0, np.sqrt(gain / np.prod(shape[:-1])), shape)
        bias = random.uniform(-0.05, 0.05, shape[-1]).astype(np.float32)
        if isinstance(layer, BatchNorm):
            middle = 0.3 if id(layer) in ends else 1.0
            weight = random.uniform(0.9 * middle, 1.1 * middle, shape)
        has_bias = not isinstance(layer, Convolution) or layer.bias
        drawn.append(Parameters(weight.astype(np.float32), bias if has_bias else None))
    return drawn


def channels_first(network: Network, parameters: list[Parameters]) -> list[Parameters]:
    """The same for images of (batch, channels, height, width): convolution weights as
    (out_channels, in_channels / groups, kernel_height, kernel_width), dense weights as
    (out_features, in_features), with inputs in that layout's order of flattening.
    """
    turned = []
    flattened: Shape = ()
    remaining = iter(parameters)
    for layer, shape in leaves(network.layers, network.input_shape):
        if isinstance(layer, Flatten):
            flattened = shape
        if isinstance(layer, BatchNorm):
            turned.append(next(remaining))
        if isinstance(layer, Convolution):
            weight, bias = next(remaining)
            turned.append(Parameters(np.ascontiguousarray(weight.transpose(3, 2, 0, 1)), bias))
        elif isinstance(layer, Dense):
            weight, bias = next(remaining)
            if flattened:
                pixels = weight.reshape(*flattened, layer.out_features).transpose(2, 0, 1, 3)
                weight, flattened = pixels.reshape(weight.shape), ()
            turned.append(Parameters(np.ascontiguousarray(weight.T), bias))
    return turned


def draw_batch(network: Network, batch: int, seed: int = 1) -> tuple[FloatArray, NDArray[np.int64]]:
    """Images of values in [0, 1), and labels."""
    random = np.random.default_rng(seed)
    images = random.random((batch, *network.input_shape), dtype=np.float32)
    return images, random.integers(0, CLASSES, batch)


def _convolutions(*settings: Convolution) -> tuple[Layer, ...]:
    return tuple(layer for convolution in settings for layer in (convolution, Relu()))


def _lenet() -> Network:
    return Network(
        (28, 28, 1),
        (
            *_convolutions(Convolution(6, 5, padding=2)),
            MaxPool(2),
            *_convolutions(Convolution(16, 5)),
            MaxPool(2),
            Flatten(),
            *(Dense(120), Relu(), Dense(84), Relu(), Dense(CLASSES)),
        ),
    )


def _mnist() -> Network:
    """The network of PyTorch's MNIST example without its dropout."""
    return Network(
        (28, 28, 1),
        (
            *_convolutions(Convolution(32, 3), Convolution(64, 3)),
            MaxPool(2),
            Flatten(),
            *(Dense(128), Relu(), Dense(CLASSES)),
        ),
    )


def _cifar() -> Network:
    return Network(
        (32, 32, 3),
        (
            *_convolutions(Convolution(32, 3, padding=1), Convolution(32, 3, padding=1)),
            MaxPool(2),
            *_convolutions(Convolution(64, 3, padding=1), Convolution(64, 3, padding=1)),
            MaxPool(2),
            Flatten(),
            *(Dense(512), Relu(), Dense(CLASSES)),
        ),
    )


def _resnet_trunk() -> Network:
    """ResNet-20's convolutions without shortcuts and norms."""
    trunk = [Convolution(16, 3, padding=1)]
    for channels, first_stride in ((16, 1), (32, 2), (64, 2)):
        trunk += [
            Convolution(channels, 3, stride=first_stride if index == 0 else 1, padding=1)
            for index in range(6)
        ]
    return Network((32, 32, 3), (*_convolutions(*trunk), AveragePool(8), Flatten(), Dense(CLASSES)))


def _normalised(*settings: Convolution) -> tuple[Layer, ...]:
    """Convolutions without biases, each with a norm and ReLU."""
    return tuple(
        layer
        for convolution in settings
        for layer in (convolution._replace(bias=False), BatchNorm(), Relu())
    )


def _resnet20() -> Network:
    """ResNet-20 with its norms and shortcuts, 1x1 convolutions where a block halves the image."""
    layers = _normalised(Convolution(16, 3, padding=1))
    for channels, first_stride in ((16, 1), (32, 2), (64, 2)):
        for stride in (first_stride, 1, 1):
            first = Convolution(channels, 3, stride=stride, padding=1)
            second = Convolution(channels, 3, padding=1)
            body = _normalised(first, second)[:-1]
            shortcut = _normalised(Convolution(channels, 1, stride=stride))[:-1]
            layers += (Residual(body, () if stride == 1 else shortcut), Relu())
    return Network((32, 32, 3), (*layers, AveragePool(8), Flatten(), Dense(CLASSES)))


def _mobilenet(normalised: bool) -> Network:
    """MobileNet's depthwise and 1x1 convolutions in turn."""
    trunk = [Convolution(16, 3, stride=2, padding=1)]
    channels = 16
    for out_channels, stride in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2)):
        depthwise = Convolution(channels, 3, stride=stride, padding=1, groups=channels)
        trunk += [depthwise, Convolution(out_channels, 1)]
        channels = out_channels
    layers = _normalised(*trunk) if normalised else _convolutions(*trunk)
    return Network((96, 96, 3), (*layers, AveragePool(6), Flatten(), Dense(CLASSES)))


def _airbench94() -> Network:
    """The network of airbench94 as published (K. Jordan 2024), its first layer unpadded."""
    layers: tuple[Layer, ...] = (Convolution(24, 2), Gelu())
    for channels in (64, 256, 256):
        convolution = Convolution(channels, 3, padding=1, bias=False)
        layers += (convolution, MaxPool(2), BatchNorm(), Gelu(), convolution, BatchNorm(), Gelu())
    return Network((32, 32, 3), (*layers, MaxPool(3), Flatten(), Dense(CLASSES)))


# The network of `benchmarks.cifar10`, too slow for the other benchmarks.
AIRBENCH94 = "airbench94"

NETWORKS = {
    "lenet": _lenet(),
    "mnist": _mnist(),
    "cifar": _cifar(),
    "resnet_trunk": _resnet_trunk(),
    "mobilenet": _mobilenet(normalised=False),
    "resnet20": _resnet20(),
    "mobilenet_norm": _mobilenet(normalised=True),
}


def network_named(name: str) -> Network:
    """One of `NETWORKS`, or `AIRBENCH94`."""
    return _airbench94() if name == AIRBENCH94 else NETWORKS[name]
