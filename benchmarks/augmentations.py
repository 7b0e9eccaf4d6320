"""The augmented batches that benchmarks time, and the images that every library receives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BATCH = 64
IMAGES = 2048
# Libraries draw different random numbers, so they are compared by the mean and spread of many
# images.
CHECKED_BATCHES = 32


class Work(NamedTuple):
    """The changes to every image, which is normalised afterwards.

    Attributes:
        side: height and width of the images.
        channels: 1 or 3.
        crop_padding: black padding of the random crop, 0 for no crop.
        flip: whether half of the images are flipped.
        degrees: largest rotation, 0 for no affine change.
        shift: largest shift in pixels.
        scale: range of the random scale factor.
    """

    side: int
    channels: int
    crop_padding: int = 0
    flip: bool = False
    degrees: float = 0
    shift: float = 0
    scale: tuple[float, float] = (1.0, 1.0)


WORKS = {
    "MNIST, crop": Work(28, 1, crop_padding=2),
    "MNIST, affine": Work(28, 1, degrees=15, shift=2.8, scale=(0.9, 1.1)),
    "CIFAR, crop and flip": Work(32, 3, crop_padding=4, flip=True),
    "CIFAR, affine and flip": Work(32, 3, flip=True, degrees=15, shift=3.2, scale=(0.9, 1.1)),
}
MEAN, DEVIATION = 0.45, 0.25


class AugmentationTask(NamedTuple):
    """The task that an `augmentation_in_*` module prepares."""

    work: Work
    threads: int
    mode: str = ""


def task_of(task: tuple[object, ...]) -> AugmentationTask:
    """A task from its JSON form."""
    work, threads, mode = task
    side, channels, crop_padding, flip, degrees, shift, scale = work  # type: ignore[misc]
    made = Work(side, channels, crop_padding, flip, degrees, shift, tuple(scale))
    return AugmentationTask(made, int(threads), str(mode))  # type: ignore[call-overload]


def draw(work: Work) -> npt.NDArray[np.uint8]:
    """Bright blobs on a dark ground: padding at an edge changes the mean."""
    random = np.random.default_rng(0)
    shape = (IMAGES, work.side, work.side, work.channels)
    places = np.linspace(-1, 1, work.side)
    blob = 200 * np.exp(-2 * (places[:, None] ** 2 + places**2))
    noisy = blob[None, :, :, None] + random.uniform(0, 50, shape)
    return noisy.astype(np.uint8)


def figures(batches: npt.NDArray[np.float32]) -> dict[str, list[float]]:
    """The figures in which libraries must agree."""
    return {"mean": [float(batches.mean())], "deviation": [float(batches.std())]}
