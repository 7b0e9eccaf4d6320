"""Image set of arrays, returned by readers of files that hold many images."""

from __future__ import annotations

import numpy as np

from cnnx import _core
from cnnx._core import FormatError
from cnnx.data.dataset import (
    Classes,
    Dataset,
    InputShape,
    Labels,
    Masks,
    Pixels,
    are_masks,
    checked_shape,
    count_classes,
)
from cnnx.data.mask_labels import BINARY, IGNORED, is_black_and_white, resized_masks


def chosen_classes(own: Classes | None, fixed: Classes | None, name: str) -> Classes | None:
    """Classes of arrays with labels: those that a model fixes, or their own.

    Args:
        own: class names of the data, or None.
        fixed: class names in the order of a model's labels, or their number; or None.
        name: path of the data, for messages.

    Raises:
        FormatError: if both are names, and the labels of the data mean other classes.
    """
    if isinstance(own, tuple) and isinstance(fixed, (tuple, list)) and own != tuple(fixed):
        raise FormatError(
            f"{name}: has the classes {', '.join(own)}, expected the model's, {', '.join(fixed)}"
        )
    return own if fixed is None else fixed


class ArraySet:
    """Set of labelled images in memory or in a memory-mapped file.

    Attributes:
        x: uint8 pixels of shape (count, height, width, channels).
        y: int64 labels of shape (count,), or masks: uint8 labels of shape (count, height, width).
    """

    def __init__(
        self,
        name: str,
        x: Pixels,
        y: Labels | Masks,
        classes: Classes | None = None,
        train: ArraySet | None = None,
    ) -> None:
        """Check that images and labels match.

        Args:
            name: path of the images, for messages.
            x: images.
            y: labels from 0, or masks, in which 255 is no class. In masks of 0 and 255 alone, it is
                class 1.
            classes: class names, or the number of classes; None infers it from the largest label.
            train: training set beside this one, whose classes and meaning of 255 it has, or None.

        Raises:
            FormatError: if there is not one label per image or pixel, or a label is out of range.
        """
        if len(x) != len(y):
            raise FormatError(f"{name}: holds {len(x)} images, but {len(y)} labels")
        if train is not None:
            classes = train.classes
        if are_masks(y):
            ignores = train is not None and train._has_ignored
            y, classes = _checked_masks(name, x, y, classes, ignores)
        labels = y[y != IGNORED] if are_masks(y) else y
        self._has_ignored: bool = len(labels) < y.size
        least, largest = (int(each(initial=0)) for each in (labels.min, labels.max))
        self._name = name
        self._classes = largest + 1 if classes is None else classes
        self.x = x
        self.y = y
        count = count_classes(self._classes)
        if least < 0 or largest >= count:
            raise FormatError(
                f"{name}: holds label {least if least < 0 else largest}, expected 0 to "
                f"{count - 1}, one of {count} classes"
            )

    @property
    def name(self) -> str:
        """Path of the images, for messages."""
        return self._name

    @property
    def classes(self) -> Classes:
        """Class names in the order of the labels, or the number of classes."""
        return self._classes

    @property
    def input_shape(self) -> InputShape:
        """(height, width, channels) of the images."""
        height, width, channels = self.x.shape[1:]
        return height, width, channels

    def __len__(self) -> int:
        """Number of images."""
        return len(self.x)

    def load(self, input_shape: InputShape | None = None, resize: str = "stretch") -> Dataset:
        """Load the images, resized if `input_shape` differs from theirs.

        Raises:
            TypeError: if input_shape is not three integers.
            ValueError: if a size or the way of resizing is unknown.
        """
        shape = checked_shape(self.input_shape if input_shape is None else input_shape, resize)
        if shape == self.input_shape:
            return Dataset(self.x, self.y, self.classes)
        height, width, channels = shape
        x = np.empty((len(self), *shape), dtype=np.uint8)
        for index, pixels in enumerate(self.x):
            x[index] = _core.resize_image(pixels, height, width, channels, resize)
        y = resized_masks(self.y, height, width, resize) if are_masks(self.y) else self.y
        return Dataset(x, y, self.classes)


def _checked_masks(
    name: str, x: Pixels, y: Masks, classes: Classes | None, ignores: bool
) -> tuple[Masks, Classes | None]:
    """Masks and their classes, with labels in place of black and white unless 255 is ignored."""
    if x.shape[1:3] != y.shape[1:]:
        raise FormatError(
            f"{name}: holds images of {x.shape[1]} x {x.shape[2]} pixels, but masks of "
            f"{y.shape[1]} x {y.shape[2]}"
        )
    if not ignores and is_black_and_white(np.unique(y).tolist(), classes):
        return (y > 0).astype(np.uint8), BINARY if classes is None else classes
    return y, classes
