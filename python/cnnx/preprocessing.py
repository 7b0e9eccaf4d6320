"""Preprocessing of images, saved with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cnnx import _core
from cnnx.arguments import shown
from cnnx.spelling import checked_call


@checked_call
@dataclass(frozen=True)
class Preprocessing:
    """Conversion of an image to the model's input: ``(pixel - mean) / std``.

    Integer pixels are divided by 255 first. Floats are used unchanged, in [0, 1]. Image files of
    another size are resized first. Arrays passed to a model must have its size.

    Args:
        resize: "stretch" to the model's size, "fit" inside it with black bars, or "crop" the
            centre; antialiased.
        mean: value to subtract, in units of [0, 1]: one number, or one per channel.
        std: divisor, in the same units: one number, or one per channel; above 0.

    Raises:
        ValueError: when the model is built, if a value is not finite, std is not above 0, or the
            number of values is neither 1 nor the number of channels.

    Example:
        >>> Preprocessing(mean=0.5, std=0.5)
        Preprocessing(resize='stretch', mean=0.5, std=0.5)
    """

    resize: Literal["stretch", "fit", "crop"] = "stretch"
    mean: float | Sequence[float] = 0.0
    std: float | Sequence[float] = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.resize, str) or self.resize not in ("stretch", "fit", "crop"):
            raise ValueError(
                f"Preprocessing: resize is {shown(self.resize)}, "
                'expected "stretch", "fit" or "crop"'
            )
        per_channel(self.mean, "mean")
        per_channel(self.std, "std")

    @property
    def declares_range(self) -> bool:
        """Whether mean or std say that floats are not in [0, 1]."""
        return bool(np.max(np.abs(self.mean)) > 1 or np.max(self.std) > 1)

    @property
    def standardizes(self) -> bool:
        """Whether mean or std change the values."""
        return bool(np.any(np.asarray(self.mean) != 0) or np.any(np.asarray(self.std) != 1))


def preprocessing_of(core: _core.Model) -> Preprocessing:
    """Preprocessing of a built model."""
    resize, mean, std = core.preprocessing
    return Preprocessing(
        resize,
        mean[0] if len(mean) == 1 else tuple(mean),
        std[0] if len(std) == 1 else tuple(std),
    )


def per_channel(value: float | Sequence[float], name: str) -> list[float]:
    """One number or several as a list of floats."""
    try:
        return [float(each) for each in np.atleast_1d(np.asarray(value))]
    except (TypeError, ValueError):
        raise TypeError(
            f"Preprocessing: {name} is {shown(value)}, expected a number or one number per channel"
        ) from None
