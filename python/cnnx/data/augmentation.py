"""Settings of random image augmentation; the compiled core applies it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx import _core
from cnnx.advice import warn
from cnnx.arguments import (
    FloatArray,
    at_least,
    integer,
    is_integer,
    number,
    real_array,
    rectangular_array,
    shown,
)
from cnnx.batch_arguments import check_float_range, exceeds_two, images
from cnnx.preprocessing import Preprocessing, per_channel
from cnnx.recipe import Recipe
from cnnx.spelling import checked_call

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CHOICES = {"flip": ("never", "random", "alternating"), "border": ("zero", "reflect")}


@checked_call
@dataclass(frozen=True)
class Augmentation(Recipe):
    """Random augmentation of training images, different in every epoch.

    The defaults change nothing. The order is: affine (rotate, scale, shift), flip, crop, contrast
    and brightness, normalisation, cutout. Random numbers depend only on a seed, the epoch and the
    image's index in the data set.

    Args:
        flip: horizontal flip: "random" with probability 1/2; "alternating" at random in the first
            epoch, and afterwards always the opposite of the epoch before.
        crop_padding: padding, in pixels, of a random crop of the original size. 2 shifts an image
            by up to two whole pixels; 4 is usual for CIFAR-10.
        rotate: maximum rotation about the centre, in degrees, either way; below one degree it draws
            a `cnnx.Warning`.
        scale: range of the scale factor.
        shift: maximum shift along both axes, in pixels, below the longer side of the images; below
            one pixel it draws a `cnnx.Warning`.
        border: pixels beyond the edge: "zero" (black) or "reflect".
        contrast: maximum relative change of the distance of each value from the image's mean.
        brightness: maximum relative change of each value. Contrast and brightness clip values to
            the range from black to white: 0 to 1, or 0 to 255 for floats if the preprocessing's
            mean or std are above 1. An image with floats outside, such as a standardised one, is
            not clipped.
        cutout: side of a square, in pixels, set to 0 after normalisation, at a random position.
        mixup: parameter of mixup: every image of a batch and its target are blended with another of
            the same batch, with a weight drawn from Beta(mixup, mixup) for each batch. 0.2 is
            usual; 0 disables it. It applies in `Trainer.fit` only, not in `apply`.

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

    kind: ClassVar[str] = "augmentation"
    _pairs: ClassVar[dict[str, tuple[str, str]]] = {"scale": ("scale_low", "scale_high")}

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
            if not isinstance(value, str) or value not in known:
                expected = ", ".join(f'"{each}"' for each in known)
                raise ValueError(
                    f"Augmentation: {name} is {shown(value)}, expected one of {expected}"
                )
        for name in ("crop_padding", "cutout"):
            value = getattr(self, name)
            if not is_integer(value):
                raise TypeError(f"Augmentation: {name} is {shown(value)}, expected whole pixels")
            object.__setattr__(self, name, int(value))
        for name in ("rotate", "shift", "contrast", "brightness", "mixup"):
            object.__setattr__(self, name, number(getattr(self, name), "Augmentation", name))
        if (
            not isinstance(self.scale, Sequence)
            or isinstance(self.scale, str)
            or len(self.scale) != 2
        ):
            raise TypeError(f"Augmentation: scale is {shown(self.scale)}, expected two factors")
        low, high = (number(each, "Augmentation", "scale") for each in self.scale)
        object.__setattr__(self, "scale", (low, high))
        _core.check_augmentation(self.core_settings)

    @checked_call
    def apply(
        self,
        x: ArrayLike,
        *,
        epoch: int = 0,
        seed: int = 0,
        preprocessing: Preprocessing = Preprocessing(),
    ) -> FloatArray:
        """Augment and normalise the images of an epoch, without mixup.

        Args:
            x: images (batch, height, width, channels); their indices are those in the data set.
            epoch: number of the epoch, from 0 over all calls of `Trainer.fit`.
            seed: seed of the trainer.
            preprocessing: preprocessing of the model; the default gives values in [0, 1].

        Returns:
            The network's inputs, float32 of the shape of x.

        Raises:
            TypeError: if preprocessing is no `Preprocessing`.
            ValueError: if x has another shape, or crop_padding is not below its sides, or cutout or
                shift not below the longer one.
        """
        for name, value in (("epoch", epoch), ("seed", seed)):
            at_least(0, value, "apply", name)
        if not isinstance(preprocessing, Preprocessing):
            raise TypeError(
                f"apply: preprocessing is {shown(preprocessing)}, expected a cnnx.Preprocessing"
            )
        shape = np.shape(real_array(x, "apply", "x"))
        if len(shape) != 4:
            raise ValueError(
                f"apply: x has shape {shape}, expected (batch, height, width, channels)"
            )
        pixels, integers, _ = images(x, shape[1:], "apply")
        if not integers and exceeds_two(pixels) and not preprocessing.declares_range:
            check_float_range(pixels, "apply")
        check_moves(self, shape[1:3], "apply")
        return _core.augment_images(
            pixels,
            integers,
            per_channel(preprocessing.mean, "mean"),
            per_channel(preprocessing.std, "std"),
            self.core_settings,
            int(seed),
            int(epoch),
        )

    @checked_call
    def apply_masks(
        self,
        y: ArrayLike,
        *,
        epoch: int = 0,
        seed: int = 0,
        size: tuple[int, int] | None = None,
        beyond: int = 0,
    ) -> NDArray[Any]:
        """Move the masks of an epoch as `apply` moves their images.

        Each position gets the label of the nearest original position. Beyond the edges `border`
        "zero" gives the label `beyond`, and "reflect" mirrors. Contrast, brightness and cutout
        leave masks as they are.

        Args:
            y: integer labels (batch, height, width); their indices are those of the images.
            epoch: as for `apply`.
            seed: as for `apply`.
            size: (height, width) of the images if the masks are smaller by a whole factor. None:
                they have one label per pixel.
            beyond: label beyond the edges. `Trainer.fit` takes the `ignore_index` of the loss, or
                0, the background by convention.

        Returns:
            Masks of the shape and dtype of y.

        Raises:
            TypeError: if y has no integers.
            ValueError: if beyond does not fit the dtype of y, or y has another shape, positions
                that are no whole number of pixels, or sides that crop_padding or shift exceeds.

        Example:
            >>> masks = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
            >>> Augmentation(flip="alternating").apply_masks(masks).tolist()
            [[[2, 1, 0], [5, 4, 3]]]
        """
        for name, value in (("epoch", epoch), ("seed", seed)):
            at_least(0, value, "apply_masks", name)
        masks = mask_array(y, "apply_masks", "y")
        label = integer(beyond, "apply_masks", "beyond")
        if int(np.array(label).astype(masks.dtype)) != label:
            raise ValueError(
                f"apply_masks: beyond is {label}, expected a label of the dtype of y, {masks.dtype}"
            )
        if size is not None and (
            not isinstance(size, (tuple, list)) or len(size) != 2 or not all(map(is_integer, size))
        ):
            raise TypeError(f"apply_masks: size is {shown(size)}, expected (height, width)")
        sides = masks.shape[1:] if size is None else size
        check_moves(self, sides, "apply_masks")
        moved = _core.augment_masks(
            np.ascontiguousarray(masks, np.int64),
            sides,
            self.core_settings,
            int(seed),
            int(epoch),
            label,
        )
        return moved.astype(masks.dtype, copy=False)

    @checked_call
    def show(
        self,
        x: ArrayLike,
        masks: ArrayLike | None = None,
        *,
        variants: int = 7,
        epoch: int = 0,
        seed: int = 0,
    ) -> Figure | None:
        """Show images, and beside each its augmented variants of the next epochs, without mixup.

        A notebook shows them at once. Elsewhere matplotlib opens a window, as `Dataset.show` does.

        Args:
            x: images, as for `apply`; the first 8 are shown.
            masks: labels of their pixels, as for `apply_masks`, which are drawn over the images,
                except label 0; or None.
            variants: number of epochs, at least 1.
            epoch: number of the first epoch.
            seed: seed of the trainer.

        Returns:
            None in a notebook, otherwise a figure of matplotlib.

        Raises:
            ImportError: if matplotlib is not installed, outside notebooks.
            ValueError: as `apply`.

        Example:
            >>> import cnnx
            >>> x, _ = cnnx.data.xo(3, seed=1)
            >>> cnnx.data.Augmentation(rotate=20).show(x)  # doctest: +SKIP
        """
        from cnnx.data.augmentation_grid import augmentation_grid  # on first use

        count = at_least(1, variants, "show", "variants")
        first = at_least(0, epoch, "show", "epoch")
        epochs = range(first, first + count)
        return augmentation_grid(self, x, epochs, seed, masks).show("show")


def check_moves(augmentation: Augmentation, sides: Sequence[int], function: str) -> None:
    """Refuse a shift that leaves nothing of images, and warn of fractions given for its units.

    Args:
        augmentation: the augmentation.
        sides: height and width of the images, in pixels.
        function: named in errors.

    Raises:
        ValueError: if the shift is not below the longer side.
    """
    shift, height, width = augmentation.shift, *sides
    if 0 < max(height, width) <= shift:
        raise ValueError(
            f"{function}: shift is {shift:g} pixels, expected less than the longer side of the "
            f"images, {height} x {width}"
        )
    if 0 < shift < 1:
        warn(
            f"{function}: shift is {shift:g}, which is below one pixel, expected pixels: "
            f"shift={shift * max(height, width):g} is this fraction of images of {height} x {width}"
        )
    if augmentation.rotate < 1 <= (turned := augmentation.rotate * 360):
        warn(
            f"{function}: rotate is {augmentation.rotate:g}, which is below one degree, expected "
            f"degrees: rotate={turned:g} is this fraction of a turn"
        )


def mask_array(y: ArrayLike, function: str, argument: str) -> NDArray[Any]:
    """Masks as an integer array (batch, height, width).

    Raises:
        TypeError: if they have no integers.
        ValueError: if they have another shape.
    """
    masks = rectangular_array(y, function, argument)
    if masks.dtype.kind not in "biu":
        raise TypeError(f"{function}: {argument} has dtype {masks.dtype}, expected integers")
    if masks.ndim != 3:
        raise ValueError(
            f"{function}: {argument} has shape {masks.shape}, expected a label for each pixel, "
            "(batch, height, width)"
        )
    return masks
