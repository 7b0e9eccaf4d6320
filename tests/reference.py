"""The truth of every test: one plain NumPy float64 function per op, slow and obviously right.

Not part of the package. Arrays are NHWC, convolution weights HWIO, dense weights (in, out). Every
function takes any real array and computes in float64; a backward returns what its op returns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Pair: TypeAlias = "int | tuple[int, int]"
Padding: TypeAlias = "int | str | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]"
Sides: TypeAlias = "tuple[tuple[int, int], tuple[int, int]]"


def real(array: npt.ArrayLike) -> Array:
    return np.asarray(array, dtype=np.float64)


# Windows ------------------------------------------------------------------------------------------


def pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def padding_sides(
    padding: Padding, size: tuple[int, int], kernel: Pair, stride: Pair, dilation: Pair = 1
) -> Sides:
    """((top, bottom), (left, right)) for every form that padding may take."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        return (
            same_sides(size[0], pair(kernel)[0], pair(stride)[0], pair(dilation)[0]),
            same_sides(size[1], pair(kernel)[1], pair(stride)[1], pair(dilation)[1]),
        )
    if isinstance(padding, int):
        return (padding, padding), (padding, padding)
    assert not isinstance(padding, str), padding
    height, width = padding
    return (
        (height, height) if isinstance(height, int) else height,
        (width, width) if isinstance(width, int) else width,
    )


def same_sides(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    output = -(-size // stride)
    total = max((output - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def pad(x: Array, sides: Sides, value: float) -> Array:
    return np.pad(x, ((0, 0), *sides, (0, 0)), constant_values=value)


def crop(padded: Array, sides: Sides) -> Array:
    (top, bottom), (left, right) = sides
    return padded[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right, :]


def taps(
    padded_size: tuple[int, int], kernel: Pair, stride: Pair, dilation: Pair = 1
) -> Iterator[tuple[int, int, tuple[slice, slice, slice]]]:
    """Per kernel position in row-major order, the padded pixels that it meets, one per output."""
    steps: list[list[slice]] = []
    for axis in range(2):
        kernel_size, step, gap = pair(kernel)[axis], pair(stride)[axis], pair(dilation)[axis]
        outputs = (padded_size[axis] - (kernel_size - 1) * gap - 1) // step + 1
        last = (outputs - 1) * step + 1
        steps.append([slice(tap * gap, tap * gap + last, step) for tap in range(kernel_size)])
    for row, vertical in enumerate(steps[0]):
        for column, horizontal in enumerate(steps[1]):
            yield row, column, (slice(None), vertical, horizontal)


def channel_groups(
    in_channels: int, out_channels: int, groups: int
) -> Iterator[tuple[slice, slice]]:
    inputs, outputs = in_channels // groups, out_channels // groups
    for group in range(groups):
        yield (
            slice(group * inputs, (group + 1) * inputs),
            slice(group * outputs, (group + 1) * outputs),
        )


# Convolution and dense ----------------------------------------------------------------------------


def conv2d(
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Array:
    x, weight = real(x), real(weight)
    kernel_height, kernel_width, _, out_channels = weight.shape
    kernel = (kernel_height, kernel_width)
    padded = pad(x, padding_sides(padding, x.shape[1:3], kernel, stride, dilation), 0.0)
    output: Array | float = 0.0
    for row, column, where in taps(padded.shape[1:3], kernel, stride, dilation):
        pixels = padded[where]
        output = output + np.concatenate(
            [
                pixels[..., inputs] @ weight[row, column, :, outputs]
                for inputs, outputs in channel_groups(x.shape[3], out_channels, groups)
            ],
            axis=-1,
        )
    return real(output) if bias is None else output + real(bias)


def conv2d_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    weight: npt.ArrayLike,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Array, Array, Array]:
    grad_output, x, weight = real(grad_output), real(x), real(weight)
    kernel_height, kernel_width, _, out_channels = weight.shape
    kernel = (kernel_height, kernel_width)
    sides = padding_sides(padding, x.shape[1:3], kernel, stride, dilation)
    padded = pad(x, sides, 0.0)
    grad_padded, grad_weight = np.zeros_like(padded), np.zeros_like(weight)
    for row, column, where in taps(padded.shape[1:3], kernel, stride, dilation):
        for inputs, outputs in channel_groups(x.shape[3], out_channels, groups):
            grad = grad_output[..., outputs]
            pixels = padded[where][..., inputs]
            grad_padded[where][..., inputs] += grad @ weight[row, column, :, outputs].T
            grad_weight[row, column, :, outputs] = np.tensordot(pixels, grad, ([0, 1, 2],) * 2)
    return crop(grad_padded, sides), grad_weight, grad_output.sum(axis=(0, 1, 2))


def dense(x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike | None = None) -> Array:
    output = real(x) @ real(weight)
    return output if bias is None else output + real(bias)


def dense_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, weight: npt.ArrayLike
) -> tuple[Array, Array, Array]:
    grad_output = real(grad_output)
    return grad_output @ real(weight).T, real(x).T @ grad_output, grad_output.sum(axis=0)


# Pooling ------------------------------------------------------------------------------------------


def first_maximum(x: Array, kernel: Pair, stride: Pair, padding: Padding) -> tuple[Array, Array]:
    """Per window its maximum, and the row-major position where it first occurs, among real pixels.

    NaN counts as larger than every number, so that it passes.
    """
    sides = padding_sides(padding, x.shape[1:3], kernel, stride)
    padded, is_real = pad(x, sides, -np.inf), pad(np.ones_like(x), sides, 0.0) == 1.0
    windows = [where for _, _, where in taps(padded.shape[1:3], kernel, stride)]
    best = np.full_like(padded[windows[0]], -np.inf)
    winner = np.full_like(best, -1.0)
    for position, where in enumerate(windows):
        values = padded[where]
        larger = (values > best) | (np.isnan(values) & ~np.isnan(best)) | (winner < 0)
        wins = is_real[where] & larger
        best, winner = np.where(wins, values, best), np.where(wins, float(position), winner)
    return best, winner


def max_pool2d(
    x: npt.ArrayLike, kernel_size: Pair, *, stride: Pair | None = None, padding: Padding = 0
) -> Array:
    return first_maximum(real(x), kernel_size, stride or kernel_size, padding)[0]


def max_pool2d_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
) -> Array:
    grad_output, x, stride = real(grad_output), real(x), stride or kernel_size
    _, winner = first_maximum(x, kernel_size, stride, padding)
    sides = padding_sides(padding, x.shape[1:3], kernel_size, stride)
    grad_padded = pad(np.zeros_like(x), sides, 0.0)
    for position, (_, _, where) in enumerate(taps(grad_padded.shape[1:3], kernel_size, stride)):
        grad_padded[where] += np.where(winner == position, grad_output, 0.0)
    return crop(grad_padded, sides)


def average_divisors(
    x: Array, kernel: Pair, stride: Pair, padding: Padding, count_include_pad: bool
) -> Array:
    """Per window the number its sum is divided by; "same" always means the real pixels."""
    sides = padding_sides(padding, x.shape[1:3], kernel, stride)
    padding_counts = count_include_pad and padding != "same"
    counted = pad(np.ones_like(x), sides, 1.0 if padding_counts else 0.0)
    return real(sum(counted[where] for _, _, where in taps(counted.shape[1:3], kernel, stride)))


def avg_pool2d(
    x: npt.ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
) -> Array:
    x, stride = real(x), stride or kernel_size
    padded = pad(x, padding_sides(padding, x.shape[1:3], kernel_size, stride), 0.0)
    total = sum(padded[where] for _, _, where in taps(padded.shape[1:3], kernel_size, stride))
    return real(total / average_divisors(x, kernel_size, stride, padding, count_include_pad))


def avg_pool2d_backward(
    grad_output: npt.ArrayLike,
    x: npt.ArrayLike,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
) -> Array:
    x, stride = real(x), stride or kernel_size
    share = real(grad_output) / average_divisors(x, kernel_size, stride, padding, count_include_pad)
    sides = padding_sides(padding, x.shape[1:3], kernel_size, stride)
    grad_padded = pad(np.zeros_like(x), sides, 0.0)
    for _, _, where in taps(grad_padded.shape[1:3], kernel_size, stride):
        grad_padded[where] += share
    return crop(grad_padded, sides)


# Activations --------------------------------------------------------------------------------------


def relu(x: npt.ArrayLike) -> Array:
    return np.where(real(x) < 0, 0.0, real(x))


def relu_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    return np.where(real(x) > 0, real(grad_output), 0.0)


def leaky_relu(x: npt.ArrayLike, *, negative_slope: float = 0.01) -> Array:
    return np.where(real(x) < 0, negative_slope * real(x), real(x))


def leaky_relu_backward(
    grad_output: npt.ArrayLike, x: npt.ArrayLike, *, negative_slope: float = 0.01
) -> Array:
    return np.where(real(x) > 0, real(grad_output), negative_slope * real(grad_output))


def sigmoid(x: npt.ArrayLike) -> Array:
    x = real(x)
    decay = np.exp(-np.abs(x))  # never overflows
    return np.where(x < 0, decay, 1.0) / (1.0 + decay)


def sigmoid_backward(grad_output: npt.ArrayLike, output: npt.ArrayLike) -> Array:
    return real(grad_output) * real(output) * (1.0 - real(output))


def tanh(x: npt.ArrayLike) -> Array:
    return np.tanh(real(x))


def tanh_backward(grad_output: npt.ArrayLike, output: npt.ArrayLike) -> Array:
    return real(grad_output) * (1.0 - real(output) ** 2)


def normal_distribution(x: Array) -> Array:
    """Of the standard normal distribution, what lies below x."""
    return real(np.vectorize(math.erfc, otypes=[float])(-x / math.sqrt(2.0)) / 2.0)


def gelu(x: npt.ArrayLike) -> Array:
    return real(x) * normal_distribution(real(x))


def gelu_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    x = real(x)
    density = np.exp(-(x**2) / 2.0) / math.sqrt(2.0 * math.pi)
    return real(grad_output) * (normal_distribution(x) + x * density)


def silu(x: npt.ArrayLike) -> Array:
    return real(x) * sigmoid(x)


def silu_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    s = sigmoid(x)
    return real(grad_output) * (s + real(x) * s * (1.0 - s))


def hard_swish(x: npt.ArrayLike) -> Array:
    return real(x) * np.clip(real(x) + 3.0, 0.0, 6.0) / 6.0


def hard_swish_backward(grad_output: npt.ArrayLike, x: npt.ArrayLike) -> Array:
    x = real(x)
    slope = np.where(x < 3.0, x / 3.0 + 0.5, 1.0)
    return real(grad_output) * np.where(x > -3.0, slope, 0.0)


def softmax(x: npt.ArrayLike) -> Array:
    x = real(x)
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return real(exponentials / exponentials.sum(axis=-1, keepdims=True))


def softmax_backward(grad_output: npt.ArrayLike, output: npt.ArrayLike) -> Array:
    grad_output, output = real(grad_output), real(output)
    return real(output * (grad_output - (grad_output * output).sum(axis=-1, keepdims=True)))


# Losses: the mean, as a float ---------------------------------------------------------------------


def smoothed_targets(labels: npt.ArrayLike, classes: int, label_smoothing: float) -> Array:
    one_hot = real(np.eye(classes)[np.asarray(labels)])
    return (1.0 - label_smoothing) * one_hot + label_smoothing / classes


def class_shares(labels: npt.ArrayLike, classes: int) -> Array:
    """Labels as shares of the classes; shares stay."""
    return real(labels) if np.ndim(labels) == 2 else smoothed_targets(labels, classes, 0.0)


def weighted_targets(
    labels: npt.ArrayLike, classes: int, label_smoothing: float, weights: npt.ArrayLike | None
) -> tuple[Array, float]:
    """The factors of -log softmax, and what the mean divides by."""
    shares = class_shares(labels, classes)
    each = np.ones(classes) if weights is None else real(weights)
    smoothed = (1.0 - label_smoothing) * shares + label_smoothing / classes
    total = float((each * shares).sum()) if weights is not None else float(len(shares))
    return each * smoothed, total or 1.0


def cross_entropy(
    logits: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    label_smoothing: float = 0.0,
    class_weights: npt.ArrayLike | None = None,
) -> float:
    logits = real(logits)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    target, total = weighted_targets(labels, logits.shape[1], label_smoothing, class_weights)
    return float(-(target * log_probability).sum() / total)


def cross_entropy_backward(
    logits: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    label_smoothing: float = 0.0,
    class_weights: npt.ArrayLike | None = None,
) -> Array:
    logits = real(logits)
    target, total = weighted_targets(labels, logits.shape[1], label_smoothing, class_weights)
    return (target.sum(axis=1, keepdims=True) * softmax(logits) - target) / total


def binary_cross_entropy(logits: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    logits = real(logits)
    loss = np.maximum(logits, 0.0) - logits * real(targets) + np.log1p(np.exp(-np.abs(logits)))
    return float(loss.mean())


def binary_cross_entropy_backward(logits: npt.ArrayLike, targets: npt.ArrayLike) -> Array:
    return (sigmoid(logits) - real(targets)) / real(logits).size


def mean_squared_error(prediction: npt.ArrayLike, target: npt.ArrayLike) -> float:
    return float(np.mean((real(prediction) - real(target)) ** 2))


def mean_squared_error_backward(prediction: npt.ArrayLike, target: npt.ArrayLike) -> Array:
    return 2.0 * (real(prediction) - real(target)) / real(prediction).size


def mean_absolute_error(prediction: npt.ArrayLike, target: npt.ArrayLike) -> float:
    return float(np.mean(np.abs(real(prediction) - real(target))))


def mean_absolute_error_backward(prediction: npt.ArrayLike, target: npt.ArrayLike) -> Array:
    return np.sign(real(prediction) - real(target)) / real(prediction).size


def huber(prediction: npt.ArrayLike, target: npt.ArrayLike, *, delta: float = 1.0) -> float:
    distance = np.abs(real(prediction) - real(target))
    loss = np.where(distance <= delta, distance**2 / 2, delta * (distance - delta / 2))
    return float(loss.mean())


def huber_backward(
    prediction: npt.ArrayLike, target: npt.ArrayLike, *, delta: float = 1.0
) -> Array:
    difference = real(prediction) - real(target)
    return np.clip(difference, -delta, delta) / difference.size
