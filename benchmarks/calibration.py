"""The images by which libraries calibrate their quantized networks."""

from __future__ import annotations

from benchmarks.network_description import FloatArray, Network, draw_batch

IMAGES, SEED = 4, 2


def calibration_images(network: Network) -> FloatArray:
    """Images of values in [0, 1), drawn like those that are timed."""
    return draw_batch(network, IMAGES, SEED)[0]


def channels_first_images(network: Network) -> list[FloatArray]:
    """The same one by one as (1, channels, height, width)."""
    return [image[None].transpose(0, 3, 1, 2).copy() for image in calibration_images(network)]
