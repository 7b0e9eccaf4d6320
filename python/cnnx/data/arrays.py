"""A set whose images are arrays already: what every reader of one big file gives."""

from __future__ import annotations

import numpy as np

from cnnx import _core
from cnnx._core import FormatError
from cnnx.data.dataset import Classes, Dataset, InputShape, Labels, Pixels, count_classes


class ArraySet:
    """Labelled images in memory or in a mapped file.

    Attributes:
        x: uint8 pixels of shape (count, height, width, channels).
        y: int64 labels of shape (count,).
    """

    def __init__(self, name: str, x: Pixels, y: Labels, classes: Classes | None = None) -> None:
        """Check that the two belong together.

        Args:
            name: Where the images are, for messages.
            x: The images.
            y: The labels, from 0.
            classes: Their names or number; None counts up to the largest label.

        Raises:
            FormatError: There is not one label per image, or a label is no class.
        """
        if len(x) != len(y):
            raise FormatError(f"{name}: holds {len(x)} images, but {len(y)} labels")
        largest = int(y.max())
        self._name = name
        self._classes = largest + 1 if classes is None else classes
        self.x = x
        self.y = y
        if largest >= count_classes(self._classes):
            raise FormatError(
                f"{name}: holds label {largest}, expected 0 to "
                f"{count_classes(self._classes) - 1}, one of {count_classes(self._classes)} classes"
            )

    @property
    def name(self) -> str:
        """Where the images are, for messages."""
        return self._name

    @property
    def classes(self) -> Classes:
        """The class names, in the order of the labels; their number where they have no names."""
        return self._classes

    @property
    def input_shape(self) -> InputShape:
        """The (height, width, channels) of the images."""
        height, width, channels = self.x.shape[1:]
        return height, width, channels

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.x)

    def load(self, input_shape: InputShape | None = None, resize: str = "stretch") -> Dataset:
        """The images, each resized when `input_shape` is not the one they have."""
        if input_shape is None or input_shape == self.input_shape:
            return Dataset(self.x, self.y, self.classes)
        height, width, channels = input_shape
        x = np.empty((len(self), *input_shape), dtype=np.uint8)
        for index, pixels in enumerate(self.x):
            x[index] = _core.resize_image(pixels, height, width, channels, resize)
        return Dataset(x, self.y, self.classes)
