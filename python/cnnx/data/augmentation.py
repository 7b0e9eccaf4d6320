"""Random changes of the images that a network is trained on: a frozen recipe; the core draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from cnnx import _core
from cnnx.arguments import FloatArray, images, is_integer, real_array
from cnnx.model.preprocessing import Preprocessing, per_channel

_CHOICES = {"flip": ("never", "random", "alternating"), "border": ("zero", "reflect")}


@dataclass(frozen=True)
class Augmentation:
    """What may happen to an image before it is trained on, so that no epoch shows the same ones.

    The defaults change nothing. What is set happens in this order: affine (rotate, scale, shift),
    flip, crop, contrast and brightness, normalisation, cutout. Every number drawn depends on a
    seed, the epoch and the image's place in the data set alone.

    Args:
        flip: "random" exchanges left and right in half of the cases; "alternating" does so in the
            first epoch, and from then on shows every image the other way than the epoch before.
        crop_padding: frames an image with so many pixels and cuts out a part of its old size; 2
            moves it by up to two whole pixels, 4 is usual for CIFAR-10.
        rotate: turns it about its middle by up to so many degrees, either way.
        scale: enlarges it by a factor between these two.
        shift: moves it by up to so many pixels on both axes, whole or not.
        border: what lies beyond its edge: "zero", black, or "reflect", its mirror image.
        contrast: scales the distance of each value from the image's mean by 1 - contrast to
            1 + contrast.
        brightness: scales each value likewise; both keep values within black and white.
        cutout: side of a square, in pixels, that becomes 0 after normalisation; its middle is
            anywhere in the image.
        mixup: blends every image of a batch, and its target, with one of the same batch; the
            share that it keeps is drawn from Beta(mixup, mixup) for each batch. 0.2 is usual; 0 is
            off. In `Trainer.fit` alone: `apply` knows no batches and no targets.

    Raises:
        TypeError: if a setting is of another type.
        ValueError: if a setting is out of range.

    Example:
        >>> import cnnx
        >>> x, y = cnnx.data.xo(64, seed=1)
        >>> augmentation = cnnx.data.Augmentation(crop_padding=2, rotate=10, border="reflect")
        >>> augmentation.apply(x, epoch=3).shape
        (64, 32, 32, 1)
        >>> trainer = cnnx.Trainer(cnnx.models.small((32, 32, 1), ["X", "O"]))
        >>> history = trainer.fit(x, y, epochs=1, augmentation=augmentation)

    References:
        Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural
        networks, 2012 (crop, flip, colour). DeVries, Taylor: Improved regularization of
        convolutional neural networks with cutout, 2017. Zhang, Cisse, Dauphin, Lopez-Paz: mixup:
        Beyond empirical risk minimization, 2018. Jordan: 94% on CIFAR-10 in 3.29 seconds on a
        single GPU, 2024 (alternating flip).
    """

    _: KW_ONLY
    flip: Literal["never", "random", "alternating"] = "never"
    crop_padding: int = 0
    rotate: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    border: Literal["zero", "reflect"] = "zero"
    contrast: float = 0.0
    brightness: float = 0.0
    cutout: int = 0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                expected = ", ".join(f'"{each}"' for each in known)
                raise ValueError(f"Augmentation: {name} is {value!r}, expected one of {expected}")
        for name in ("crop_padding", "cutout"):
            value = getattr(self, name)
            if not is_integer(value):
                raise TypeError(f"Augmentation: {name} is {value!r}, expected whole pixels")
            object.__setattr__(self, name, int(value))
        for name in ("rotate", "shift", "contrast", "brightness", "mixup"):
            object.__setattr__(self, name, _number(getattr(self, name), name))
        if (
            not isinstance(self.scale, Sequence)
            or isinstance(self.scale, str)
            or len(self.scale) != 2
        ):
            raise TypeError(f"Augmentation: scale is {self.scale!r}, expected two factors")
        low, high = (_number(each, "scale") for each in self.scale)
        object.__setattr__(self, "scale", (low, high))
        _core.check_augmentation(self.settings)

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name, as plain values."""
        return asdict(self)

    def apply(
        self,
        x: ArrayLike,
        *,
        epoch: int = 0,
        seed: int = 0,
        preprocessing: Preprocessing = Preprocessing(),
    ) -> FloatArray:
        """Show what a network would get, but for mixup: an epoch's images, changed, normalised.

        Args:
            x: images (batch, height, width, channels); their places in x are those in the data
                set.
            epoch: counted from 0 over all calls of `Trainer.fit`.
            seed: the trainer's.
            preprocessing: the model's; without one the values are in [0, 1].

        Raises:
            ValueError: if x has another shape, or crop_padding is not below its sides.
        """
        for name, value in (("epoch", epoch), ("seed", seed)):
            if not is_integer(value) or value < 0:
                raise ValueError(f"apply: {name} is {value!r}, expected an integer >= 0")
        shape = np.shape(real_array(x, "apply", "x"))
        if len(shape) != 4:
            raise ValueError(
                f"apply: x has shape {shape}, expected (batch, height, width, channels)"
            )
        pixels, integers, _ = images(x, shape[1:], "apply")
        return _core.augment_images(
            pixels,
            integers,
            per_channel(preprocessing.mean, "mean"),
            per_channel(preprocessing.std, "std"),
            self.settings,
            int(seed),
            int(epoch),
        )


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"Augmentation: {name} is {value!r}, expected a number")
    return float(value)
