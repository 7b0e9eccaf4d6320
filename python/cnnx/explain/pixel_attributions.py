"""Attributions of single pixels: gradients of a class's output, and its change without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cnnx.arguments import (
    FloatArray,
    PairLike,
    at_least,
    float32_array,
    not_negative,
    pair,
)
from cnnx.explain.explained_class import BATCH, ClassLike, ExplainedClass
from cnnx.model.model import Model
from cnnx.spelling import checked_call

_MOST_SAMPLES = 100_000  # more take hours and change no digit

if TYPE_CHECKING:
    from cnnx.data.dataset import ImageLike


@checked_call
def saliency(model: Model, x: ImageLike, *, classes: ClassLike | None = None) -> FloatArray:
    """How much a class's output changes with each pixel.

    The largest absolute value over the channels of the gradient of the output, for pixels from 0
    to 1.

    Args:
        model: a classifier of images, or of their positions. The output of a class of positions is
            the mean over those that are predicted as it, or over all if none is.
        x: images, as for a call of the model.
        classes: the class to explain, a name or an index, or a list with one per image. None is the
            predicted class of each image; of positions the class of most of them besides class 0,
            the background.

    Returns:
        (batch, height, width), at least 0; without the batch axis for a single image.

    Raises:
        TypeError: if `model` is no model.
        ValueError: if `x` does not fit the model, or a class is unknown.

    Reference:
        Simonyan, Vedaldi, Zisserman: Deep inside convolutional networks, 2013.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(3, size=28, seed=1)
        >>> cnnx.explain.saliency(cnnx.models.lenet5(), x).shape
        (3, 28, 28)
    """
    explained = ExplainedClass(model, x, classes, "saliency")
    return explained.result(np.abs(explained.gradients("input")).max(axis=-1))


@checked_call
def smooth_grad(
    model: Model,
    x: ImageLike,
    *,
    classes: ClassLike | None = None,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
) -> FloatArray:
    """SmoothGrad: `saliency` of the mean gradient of noisy copies of each image.

    Args:
        model: as in `saliency`.
        x: as in `saliency`.
        classes: as in `saliency`.
        samples: number of copies, at most 100,000.
        noise: standard deviation of the Gaussian noise, relative to the range of the image's
            pixels.
        seed: seed of the noise; the same seed gives the same result.

    Returns:
        As `saliency`.

    Raises:
        TypeError: as `saliency`, or if a number has another type.
        ValueError: as `saliency`, or if a number is out of range.

    Reference:
        Smilkov, Thorat, Kim, Viegas, Wattenberg: SmoothGrad, 2017.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(3, size=28, seed=1)
        >>> cnnx.explain.smooth_grad(cnnx.models.lenet5(), x, samples=4).shape
        (3, 28, 28)
    """
    samples = at_least(1, samples, "smooth_grad", "samples")
    if samples > _MOST_SAMPLES:
        raise ValueError(f"smooth_grad: samples is {samples}, expected at most {_MOST_SAMPLES}")
    noise = not_negative(noise, "smooth_grad", "noise")
    random = np.random.default_rng(at_least(0, seed, "smooth_grad", "seed"))
    explained = ExplainedClass(model, x, classes, "smooth_grad")
    pixels, total = explained.pixels, np.zeros(explained.pixels.shape, np.float64)
    deviation = noise * np.ptp(pixels, axis=(1, 2, 3), keepdims=True)
    for _ in range(samples):
        changed = pixels + deviation * random.standard_normal(pixels.shape, np.float32)
        total += explained.gradients("input", changed.astype(np.float32))
    return explained.result(np.abs(total / samples).max(axis=-1).astype(np.float32))


@checked_call
def integrated_gradients(
    model: Model,
    x: ImageLike,
    *,
    classes: ClassLike | None = None,
    baseline: ArrayLike | None = None,
    steps: int = 100,
) -> FloatArray:
    """Integrated gradients: the contribution of each pixel to the difference of two outputs.

    ``(x - baseline) * mean of the gradient on the line from baseline to x``, summed over the
    channels. The sum over all pixels is the class's output for the image minus that for the
    baseline, up to the error of the integral.

    Args:
        model: as in `saliency`.
        x: as in `saliency`.
        classes: as in `saliency`.
        baseline: an image without information, or one value per channel, in pixels from 0 to 1.
            None is the pixel that is zero after the model's preprocessing.
        steps: points on the line, midpoints of equal parts. More reduce the error.

    Returns:
        (batch, height, width), negative where a pixel speaks against the class; without the batch
        axis for a single image.

    Raises:
        TypeError: as `saliency`, or if `steps` is no integer.
        ValueError: as `saliency`, or if `baseline` does not fit the images or `steps` is below 1.

    Reference:
        Sundararajan, Taly, Yan: Axiomatic attribution for deep networks, 2017.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(3, size=28, seed=1)
        >>> cnnx.explain.integrated_gradients(cnnx.models.lenet5(), x).shape
        (3, 28, 28)
    """
    steps = at_least(1, steps, "integrated_gradients", "steps")
    explained = ExplainedClass(model, x, classes, "integrated_gradients")
    start = _baseline(explained, baseline, "integrated_gradients")
    difference = explained.pixels - start
    total = np.zeros(difference.shape, np.float64)
    for step in range(steps):
        point = start + np.float32((step + 0.5) / steps) * difference
        total += explained.gradients("input", point)
    return explained.result((difference * (total / steps)).sum(axis=-1).astype(np.float32))


@checked_call
def occlusion(
    model: Model,
    x: ImageLike,
    *,
    classes: ClassLike | None = None,
    patch: PairLike | None = None,
    stride: PairLike | None = None,
    fill: ArrayLike | None = None,
) -> FloatArray:
    """Occlusion: how much a class's output falls when a patch covers a pixel.

    The mean over all patches that cover the pixel. Each patch costs a run of the network.

    Args:
        model: as in `saliency`.
        x: as in `saliency`.
        classes: as in `saliency`.
        patch: height and width of the patch, an integer or (height, width). None is an eighth of
            the image, at least 2.
        stride: distance of patches, an integer or (height, width). None is half the patch.
        fill: the patch's pixels, from 0 to 1: an image, or one value per channel. None is the
            pixel that is zero after the model's preprocessing.

    Returns:
        (batch, height, width), negative where a pixel speaks against the class; without the batch
        axis for a single image.

    Raises:
        TypeError: as `saliency`, or if patch or stride is no integer or pair.
        ValueError: as `saliency`, or if patch, stride or fill does not fit the images.

    Reference:
        Zeiler, Fergus: Visualizing and understanding convolutional networks, 2014.

    Example:
        >>> import cnnx
        >>> x, _ = cnnx.data.xo(3, size=28, seed=1)
        >>> cnnx.explain.occlusion(cnnx.models.lenet5(), x, patch=6).shape
        (3, 28, 28)
    """
    explained = ExplainedClass(model, x, classes, "occlusion")
    size = explained.pixels.shape[1:3]
    sides = [max(2, side // 8) for side in size] if patch is None else _sides(patch, "patch")
    steps = [max(1, side // 2) for side in sides] if stride is None else _sides(stride, "stride")
    if any(side > most for side, most in zip(sides, size, strict=True)):
        raise ValueError(f"occlusion: patch is {tuple(sides)}, expected at most {size}")
    if any(step > side for step, side in zip(steps, sides, strict=True)):
        raise ValueError(
            f"occlusion: stride is {tuple(steps)}, expected at most the patch, {tuple(sides)}, so "
            "that every pixel is covered"
        )
    filled = _baseline(explained, fill, "occlusion", "fill")
    corners = [
        (top, left)
        for top in _starts(size[0], sides[0], steps[0])
        for left in _starts(size[1], sides[1], steps[1])
    ]
    maps = np.empty(explained.pixels.shape[:3], np.float64)
    covers = np.zeros(size)
    for top, left in corners:
        covers[top : top + sides[0], left : left + sides[1]] += 1
    for image, own in enumerate(explained.pixels):
        whole = explained.scores(own[np.newaxis], image)[0]
        falls = np.zeros(size)
        for first in range(0, len(corners), BATCH):
            some = corners[first : first + BATCH]
            copies = np.repeat(own[np.newaxis], len(some), axis=0)
            for copy, (top, left) in zip(copies, some, strict=True):
                area = np.s_[top : top + sides[0], left : left + sides[1]]
                copy[area] = filled[image][area]
            for score, (top, left) in zip(explained.scores(copies, image), some, strict=True):
                falls[top : top + sides[0], left : left + sides[1]] += whole - score
        maps[image] = falls / covers
    return explained.result(maps.astype(np.float32))


def _sides(value: PairLike, argument: str) -> list[int]:
    sides = pair(value, "occlusion", argument)
    for side in sides:
        at_least(1, side, "occlusion", argument)
    return sides


def _starts(size: int, patch: int, step: int) -> list[int]:
    """Where patches begin along an axis; the last one ends with the image."""
    return [*range(0, size - patch, step), size - patch]


def _baseline(
    explained: ExplainedClass, given: ArrayLike | None, function: str, argument: str = "baseline"
) -> FloatArray:
    """An image for every image, of one value per channel or as given."""
    values = explained.neutral if given is None else float32_array(given, function, argument)
    if not np.isfinite(values).all():
        raise ValueError(f"{function}: {argument} holds NaN or infinity, expected finite pixels")
    if given is not None and not explained.takes_any_floats and values.size and values.max() > 2:
        raise ValueError(
            f"{function}: {argument} holds values up to {values.max():g}, expected pixels from 0 "
            f"to 1: {argument} / 255"
        )
    try:
        return np.broadcast_to(values, explained.pixels.shape)
    except ValueError:
        raise ValueError(
            f"{function}: {argument} has shape {values.shape}, expected an image "
            f"{explained.pixels.shape[1:]} or one value per channel"
        ) from None
