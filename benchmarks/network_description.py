"""How the benchmarks describe a network, and its weights, which are the same for all libraries.

Images and weights are as in cnnx, (batch, height, width, channels) and (kernel_height,
kernel_width, in_channels / groups, out_channels), of a transposed convolution (kernel_height,
kernel_width, out_channels, in_channels); `channels_first` transposes them to the order of PyTorch
and ONNX.
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
FLOAT32, BFLOAT16, INT8 = "float32", "bfloat16", "int8"  # precisions
SHARDS = 8  # of a batch that is trained in shards


# The same in networks of large images, whose steps take long and whose rounding errors grow faster.
LARGE_SIDE, CHECKED_STEPS_OF_LARGE = 128, 2


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


class Relu6(NamedTuple):
    """ReLU, at most 6."""


class MaxPool(NamedTuple):
    """Max pooling over squares, side by side without a stride."""

    size: int
    stride: int | None = None
    padding: int = 0


class AveragePool(NamedTuple):
    """Average pooling over squares side by side."""

    size: int


class GlobalAveragePool(NamedTuple):
    """The mean of every channel, flattened."""


class UpConvolution(NamedTuple):
    """A transposed convolution of kernel and stride 2 with a bias: twice the height and width."""

    out_channels: int


class Flatten(NamedTuple):
    """Flattening of an image."""


class Dense(NamedTuple):
    """A fully connected layer with a bias."""

    out_features: int


class Residual(NamedTuple):
    """The sum of a body and a shortcut; an empty shortcut is the identity."""

    body: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()


class Skip(NamedTuple):
    """The channels of the input, followed by those of a body's output of the same size."""

    body: tuple[Layer, ...]


Layer: TypeAlias = (
    "Convolution | UpConvolution | BatchNorm | Relu | Relu6 | Gelu | MaxPool | AveragePool | "
    "GlobalAveragePool | Flatten | Dense | Residual | Skip"
)
Shape: TypeAlias = tuple[int, ...]


class Network(NamedTuple):
    """Layers in order, for images of (height, width, channels)."""

    input_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]

    @property
    def output_shape(self) -> Shape:
        """For one image."""
        shape: Shape = self.input_shape
        for layer in self.layers:
            shape = output_shape(layer, shape)
        return shape

    @property
    def checked_steps(self) -> int:
        """The training steps whose losses are compared."""
        large = self.input_shape[0] >= LARGE_SIDE
        return CHECKED_STEPS_OF_LARGE if large else CHECKED_STEPS


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
        network: a name in `benchmarks.networks`.
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
    if isinstance(layer, UpConvolution):
        return 2 * shape[0], 2 * shape[1], layer.out_channels
    if isinstance(layer, MaxPool):
        stride, reach = layer.stride or layer.size, 2 * layer.padding - layer.size
        return (shape[0] + reach) // stride + 1, (shape[1] + reach) // stride + 1, shape[2]
    if isinstance(layer, AveragePool):
        return shape[0] // layer.size, shape[1] // layer.size, shape[2]
    if isinstance(layer, GlobalAveragePool):
        return shape[2:]
    if isinstance(layer, Flatten):
        return (int(np.prod(shape)),)
    if isinstance(layer, Dense):
        return (layer.out_features,)
    if isinstance(layer, Residual | Skip):
        reached = shape
        for each in layer.body:
            reached = output_shape(each, reached)
        added = shape[2] if isinstance(layer, Skip) else 0
        return (*reached[:-1], reached[-1] + added)
    return shape


def with_input_shapes(layers: tuple[Layer, ...], shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """Each layer with its input shape for one image."""
    for layer in layers:
        yield layer, shape
        shape = output_shape(layer, shape)


def leaves(layers: tuple[Layer, ...], shape: Shape) -> Iterator[tuple[Layer, Shape]]:
    """The same with the layers inside blocks, a residual's shortcut before its body."""
    for layer, reached in with_input_shapes(layers, shape):
        if isinstance(layer, Residual | Skip):
            yield from leaves(layer.shortcut if isinstance(layer, Residual) else (), reached)
            yield from leaves(layer.body, reached)
        else:
            yield layer, reached


def multiply_adds(network: Network) -> int:
    """Of one image, by the direct method."""
    total = 0
    for layer, shape in leaves(network.layers, network.input_shape):
        weight, pixels = weight_shape(layer, shape), 1
        if isinstance(layer, BatchNorm) or weight is None:
            continue
        if isinstance(layer, Convolution):
            pixels = int(np.prod(output_shape(layer, shape)[:2]))
        elif isinstance(layer, UpConvolution):
            pixels = shape[0] * shape[1]
        total += pixels * int(np.prod(weight))
    return total


def weight_shape(layer: Layer, shape: Shape) -> Shape | None:
    """The shape of a layer's weight, None if it has none."""
    if isinstance(layer, Convolution):
        kernel = layer.kernel_size
        return kernel, kernel, shape[2] // layer.groups, layer.out_channels
    if isinstance(layer, UpConvolution):
        return 2, 2, layer.out_channels, shape[2]
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
        up = isinstance(layer, UpConvolution)
        fan_in, channels = (shape[3], shape[2]) if up else (np.prod(shape[:-1]), shape[-1])
        weight = random.normal(0, np.sqrt(gain / fan_in), shape)
        bias = random.uniform(-0.05, 0.05, channels).astype(np.float32)
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
        if isinstance(layer, Convolution | UpConvolution):
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
    """Images of values in [0, 1), and labels; of a network of images one for each position."""
    random = np.random.default_rng(seed)
    images = random.random((batch, *network.input_shape), dtype=np.float32)
    *positions, classes = network.output_shape
    return images, random.integers(0, classes, (batch, *positions))
