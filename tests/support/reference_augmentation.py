"""Reference augmentation: the random draws of an image and each change, in plain NumPy.

Not part of the package. Images are float64, levels in [0, 1]; written from the documentation.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from cnnx.data import Augmentation
from reference_random import uniform

Float64Array: TypeAlias = "npt.NDArray[np.float64]"
Labels: TypeAlias = "npt.NDArray[np.int64]"

STREAM, MIXUP_STREAM = 5, 6
NUMBERS_PER_IMAGE = 16
NAMES = (
    *("flip", "crop_row", "crop_column", "angle", "scale", "shift_row", "shift_column"),
    *("contrast", "brightness", "cut_row", "cut_column"),
)


def draws(seed: int, epoch: int, row: int) -> dict[str, float]:
    """An image's numbers in [0, 1) by name."""
    first = row * NUMBERS_PER_IMAGE
    return {name: uniform(seed, STREAM, epoch, first + i) for i, name in enumerate(NAMES)}


def pad(image: Float64Array, size: int, border: str) -> Float64Array:
    frame = ((size, size), (size, size), (0, 0))
    return np.pad(image, frame, mode="reflect" if border == "reflect" else "constant")


def affine(
    image: Float64Array, angle: float, scale: float, shift: tuple[float, float], border: str
) -> Float64Array:
    """Rotate counter-clockwise by `angle` radians as seen, enlarge, then move down and right."""
    height, width, _ = image.shape
    room = 6 * max(height, width) + 30  # beyond the reach of any test
    framed = pad(image, room, border)
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    output = np.empty_like(image)
    for y in range(height):
        for x in range(width):
            down, right = np.array([y, x]) - shift - middle
            row = middle[0] + (np.cos(angle) * down - np.sin(angle) * right) / scale
            column = middle[1] + (np.sin(angle) * down + np.cos(angle) * right) / scale
            top, left = int(np.floor(row)), int(np.floor(column))
            v, u = row - top, column - left
            four = framed[top + room : top + room + 2, left + room : left + room + 2]
            weights = np.outer([1 - v, v], [1 - u, u])[..., np.newaxis]
            output[y, x] = (weights * four).sum(axis=(0, 1))
    return output


def change(image: Float64Array, a: Augmentation, seed: int, epoch: int, row: int) -> Float64Array:
    """One image before normalisation and cutout."""
    height, width, _ = image.shape
    number = draws(seed, epoch, row)

    def between(name: str, low: float, high: float) -> float:
        return low + (high - low) * number[name]

    result = image
    if a.rotate or a.shift or a.scale != (1, 1):
        angle = np.deg2rad(between("angle", -a.rotate, a.rotate))
        shift = (
            between("shift_row", -a.shift, a.shift),
            between("shift_column", -a.shift, a.shift),
        )
        result = affine(result, angle, between("scale", *a.scale), shift, a.border)
    flips = a.flip == "random" and number["flip"] < 0.5
    if a.flip == "alternating":
        flips = (draws(seed, 0, row)["flip"] < 0.5) ^ (epoch % 2 == 1)
    if flips:
        result = result[:, ::-1]
    top, left = (int((2 * a.crop_padding + 1) * number[n]) for n in ("crop_row", "crop_column"))
    result = pad(result, a.crop_padding, a.border)[top : top + height, left : left + width]
    if a.contrast or a.brightness:
        mean = image.mean() if a.contrast else 0.0
        contrast = between("contrast", 1 - a.contrast, 1 + a.contrast)
        brightness = between("brightness", 1 - a.brightness, 1 + a.brightness)
        result = np.clip(brightness * (mean + contrast * (result - mean)), 0, 1)
    return result


def within(place: float, count: int, border: str) -> float | None:
    """A place folded between the centres of the outermost pixels, or None beyond the edges."""
    if border == "zero":
        return place if -0.5 < place < count - 0.5 else None
    period = max(2 * (count - 1), 1)
    folded = place % period
    return min(folded, period - folded) if count > 1 else 0.0


def change_mask(
    mask: Labels, size: tuple[int, int], a: Augmentation, seed: int, epoch: int, row: int
) -> tuple[Labels, npt.NDArray[np.bool_]]:
    """One mask of an image of `size`, and where rounding decides between two labels."""
    number = draws(seed, epoch, row)

    def between(name: str, low: float, high: float) -> float:
        return low + (high - low) * number[name]

    angle = np.deg2rad(between("angle", -a.rotate, a.rotate))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = [between(name, -a.shift, a.shift) for name in ("shift_row", "shift_column")]
    middle = (np.array(size) - 1) / 2
    flips = a.flip == "random" and number["flip"] < 0.5
    if a.flip == "alternating":
        flips = (draws(seed, 0, row)["flip"] < 0.5) ^ (epoch % 2 == 1)
    window = [
        int((2 * a.crop_padding + 1) * number[name]) - a.crop_padding
        for name in ("crop_row", "crop_column")
    ]
    stride = np.array(size) / mask.shape
    result, near = np.zeros_like(mask), np.zeros(mask.shape, bool)
    for position in np.ndindex(*mask.shape):
        place = (np.array(position) + 0.5) * stride - 0.5 + window
        cropped = [within(*each, a.border) for each in zip(place, size, strict=True)]
        if None in cropped:
            continue
        down, right = np.array(cropped, float)
        source = np.array([down, size[1] - 1 - right if flips else right])
        source = turn @ (source - shift - middle) / between("scale", *a.scale) + middle
        folded = [within(*each, a.border) for each in zip(source, size, strict=True)]
        edges = (source + 0.5) / stride
        near[position] = bool((abs(edges - np.rint(edges)) < 1e-3).any())
        if None not in folded:
            nearest = np.floor((np.array(folded, float) + 0.5) / stride).astype(int)
            result[position] = mask[tuple(np.minimum(nearest, np.array(mask.shape) - 1))]
    return result, near


def cut(image: Float64Array, side: int, seed: int, epoch: int, row: int) -> Float64Array:
    """Zeros in a square whose centre is anywhere in the image."""
    number = draws(seed, epoch, row)
    height, width, _ = image.shape
    top = int(height * number["cut_row"]) - side // 2
    left = int(width * number["cut_column"]) - side // 2
    result = image.copy()
    result[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)] = 0
    return result


def augment(
    x: npt.NDArray[np.uint8],
    a: Augmentation,
    seed: int,
    epoch: int,
    mean: npt.ArrayLike = 0.0,
    std: npt.ArrayLike = 1.0,
) -> Float64Array:
    """The result of `Augmentation.apply`."""
    found = []
    for row, image in enumerate(x / 255.0):
        changed = (change(image, a, seed, epoch, row) - mean) / std
        found.append(cut(changed, a.cutout, seed, epoch, row))
    return np.array(found)


def mix(alpha: float, seed: int, epoch: int, first: int, count: int) -> tuple[float, int]:
    """Mixup's weight and the distance to the other image, for the batch at position `first`."""
    for attempt in range(4096):
        word = 4 * (first * 4096 + attempt)
        u, v, place = (uniform(seed, MIXUP_STREAM, epoch, word + i) for i in range(3))
        x, y = (float(np.log(n + 2.0**-25)) / alpha for n in (u, v))
        if np.exp(x) + np.exp(y) <= 1:
            return float(1 / (1 + np.exp(y - x))), int(place * count)
    raise AssertionError("nothing was accepted")
