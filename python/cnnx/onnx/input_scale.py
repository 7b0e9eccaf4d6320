"""Scale and shift at the start of a network, which become the model's preprocessing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnnx.layers.base import Symbol
from cnnx.layers.graph import Input
from cnnx.onnx.network import Network, symbols_before
from cnnx.preprocessing import Preprocessing

# Means or deviations above this, with no negative mean, are those of pixels from 0 to 255. Others
# may be those of any values, such as spectrograms, and are taken as they are.
_LEAST_OF_PIXELS = 20.0


class _Affine(NamedTuple):
    """`scale * x + shift` of some of the image's channels.

    Attributes:
        channels: channels of the image in order.
        scale: number per channel.
        shift: number per channel.
    """

    channels: tuple[int, ...]
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]


def input_scales(
    network: Network, image: Input, output: Symbol, divisor: int | None
) -> list[tuple[Symbol, Preprocessing, int]]:
    """Values through which the network reads a whole image, with what was done to it before.

    Args:
        network: the network.
        image: an input of it.
        output: its output.
        divisor: what cnnx divides the file's input by, as 255 for integers; None for 255 if the
            scale and shift are those of pixels, or 1.

    Returns:
        The image itself, then each value that is the image scaled and shifted, in order. The
        preprocessing computes the value from the input that is divided by the divisor.
    """
    order = list(symbols_before(output))
    affines: dict[int, _Affine] = {}
    found = []
    for symbol in order:
        affine = _affine(network, image, symbol, affines)
        if affine is None:
            continue
        affines[id(symbol)] = affine
        in_order = affine.channels == tuple(range(image.shape[2]))
        if symbol is output or not in_order or not np.all(affine.scale > 0):
            continue
        if _all_paths_pass(order, symbol):
            found.append((symbol, *_preprocessing(affine, divisor)))
    return found


def begin_at(image: Input, output: Symbol, first: Symbol) -> None:
    """Let everything that reads `first` read the image."""
    for symbol in list(symbols_before(output)):
        symbol.inputs = tuple(image if each is first else each for each in symbol.inputs)


def _identity(channels: int) -> _Affine:
    return _Affine(tuple(range(channels)), np.ones(channels), np.zeros(channels))


def _affine(
    network: Network, image: Input, symbol: Symbol, known: dict[int, _Affine]
) -> _Affine | None:
    """The symbol as scaled channels of the image, if it is that."""
    if symbol is image:
        return _identity(image.shape[2])
    inputs = [known.get(id(each)) for each in symbol.inputs]
    parts = [each for each in inputs if each is not None]
    layer, arrays = symbol.layer, network.arrays(symbol)
    if layer is None or len(parts) < len(inputs):
        return None
    first = parts[0]
    if layer.kind == "scale2d":
        weight, bias = arrays["weight"], arrays.get("bias", np.zeros(1))
        return _Affine(first.channels, first.scale * weight, first.shift * weight + bias)
    if layer.kind == "slice_channels":
        selected = slice(layer.settings["start"], layer.settings["stop"])
        return _Affine(first.channels[selected], first.scale[selected], first.shift[selected])
    if layer.kind == "concat":
        return _Affine(
            tuple(channel for part in parts for channel in part.channels),
            np.concatenate([part.scale for part in parts]),
            np.concatenate([part.shift for part in parts]),
        )
    return None


def _all_paths_pass(order: list[Symbol], symbol: Symbol) -> bool:
    """Whether everything that reads the image reads it through `symbol`."""
    before = {id(each) for each in symbols_before(symbol)}
    return not any(
        id(each) in before and each is not symbol
        for reader in order
        if id(reader) not in before
        for each in reader.inputs
    )


def _preprocessing(affine: _Affine, divisor: int | None) -> tuple[Preprocessing, int]:
    """`(x / divisor - mean) / std` that equals the scale and shift."""
    std = 1 / affine.scale
    mean = 0 - affine.shift * std
    is_of_pixels = np.min(mean) >= 0 and max(np.max(std), np.max(mean)) > _LEAST_OF_PIXELS
    divides = divisor or (255 if is_of_pixels else 1)
    how = Preprocessing(mean=_values(mean / divides), std=_values(std / divides))
    return how, divides


def _values(values: NDArray[np.float64]) -> float | tuple[float, ...]:
    """Numbers without the rounding of the file's float32 constants, and one for equal ones."""
    numbers = []
    for value in values:
        short = float(f"{value:.6g}")
        is_rounding = abs(short - value) <= 2e-7 * max(abs(value), 0.1)
        numbers.append(short if is_rounding else float(np.float32(value)))
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)
