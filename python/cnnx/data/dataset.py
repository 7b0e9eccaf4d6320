"""Data sets: images with labels in memory, and sets that are loaded later."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cnnx.arguments import at_least, is_integer, shown
from cnnx.data.dataset_sizes import sizes
from cnnx.spelling import checked_call

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
Masks = NDArray[np.uint8]
InputShape = tuple[int, int, int]
Classes = tuple[str, ...] | int


def _check_classes(classes: object) -> None:
    """Refuse classes that are neither names nor their number.

    Raises:
        TypeError: if they are of another type.
        ValueError: if a name stands twice, or there is no class.
    """
    if isinstance(classes, int) and not isinstance(classes, bool):
        at_least(1, classes, "Dataset", "classes")
        return
    if isinstance(classes, str) or not isinstance(classes, Sequence):
        raise TypeError(f"Dataset: classes is {shown(classes)}, expected names or their number")
    if not all(isinstance(name, str) for name in classes) or len(set(classes)) < len(classes):
        raise ValueError(f"Dataset: classes is {shown(classes)}, expected different names")


@dataclass(frozen=True, repr=False)
class Dataset:
    """Images with labels, and the validation and test sets found with them.

    Attributes:
        x: uint8 pixels of shape (count, height, width, channels).
        y: int64 labels of shape (count,), or masks: uint8 labels of shape (count, height, width),
            in which 255 is no class.
        classes: class names in the order of the labels, or the number of classes.
        validation: validation set, or None.
        test: test set, or None.
        skipped: names of the files that were skipped because they cannot be read.
        names: names of the image files in the order of x, such as ``cat/1.png``, or empty if the
            images do not come from image files.

    Args:
        x: as the attribute.
        y: as the attribute.
        classes: as the attribute.
        validation: as the attribute.
        test: as the attribute.
        skipped: as the attribute.
        names: as the attribute.

    Raises:
        TypeError: if an argument has another type, or y holds no integers.
        ValueError: if y or names has not one element for each image, y has other axes, a class name
            stands twice, or there is no class.
    """

    x: Pixels
    y: Labels | Masks
    classes: Classes
    validation: Dataset | None = None
    test: Dataset | None = None
    skipped: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("validation", "test"):
            part = getattr(self, name)
            if part is not None and not isinstance(part, Dataset):
                raise TypeError(f"Dataset: {name} is {shown(part)}, expected a Dataset or None")
        _check_classes(self.classes)
        for name in ("x", "y"):
            array: object = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.ndim == 0:
                raise TypeError(f"Dataset: {name} is {shown(array)}, expected an array of NumPy")
        if not isinstance(self.names, (tuple, list)):
            raise TypeError(f"Dataset: names is {shown(self.names)}, expected names of files")
        for name, given in (("y", self.y), ("names", self.names)):
            if len(given) != len(self.x) and (name == "y" or given):
                raise ValueError(
                    f"Dataset: x holds {len(self.x):,} images, but {name} {len(given):,}, expected "
                    "one for each image"
                )
        if self.y.ndim not in (1, 3):
            remedy = "; of one-hot labels: y.argmax(axis=1)" if self.y.ndim == 2 else ""
            raise ValueError(
                f"Dataset: y has shape {self.y.shape}, expected labels (count,) or masks (count, "
                f"height, width){remedy}"
            )
        if self.y.dtype.kind not in "iu":
            raise TypeError(
                f"Dataset: y has dtype {self.y.dtype}, expected labels or masks: integers"
            )

    def __repr__(self) -> str:
        return f"Dataset({sizes(self)})"

    @property
    def class_counts(self) -> dict[str, int]:
        """Number of images of each class by its name, or by its label if classes have no names.

        An image with a mask is of every class that its mask has.

        Raises:
            ValueError: if a label is of no class.

        Example:
            >>> x, y = np.zeros((3, 8, 8, 1), np.uint8), np.array([0, 1, 1])
            >>> Dataset(x, y, ("cat", "dog")).class_counts
            {'cat': 1, 'dog': 2}
        """
        count = count_classes(self.classes)
        if are_masks(self.y):
            counts = [int((self.y == label).any(axis=(1, 2)).sum()) for label in range(count)]
        else:
            wrong = self.y[(self.y < 0) | (self.y >= count)]
            if wrong.size:
                raise ValueError(
                    f"class_counts: y holds label {wrong[0]}, expected 0 to {count - 1}, one of "
                    f"{count} classes"
                )
            counts = np.bincount(self.y, minlength=count).tolist()
        names = range(len(counts)) if isinstance(self.classes, int) else self.classes
        return {str(name): count for name, count in zip(names, counts, strict=True)}

    @checked_call
    def show(self, per_class: int = 8) -> Figure | None:
        """Show the first images of every class, with the number of its images.

        Masks are drawn over their images, except class 0.

        A notebook shows them at once. Elsewhere matplotlib opens a window, and the call returns
        when it is closed; where there are no windows, the figure can be saved.

        Args:
            per_class: number of images of each class, at least 1.

        Returns:
            None in a notebook, otherwise a figure of matplotlib.

        Raises:
            ImportError: if matplotlib is not installed, outside notebooks.

        Example:
            >>> from cnnx.data import Dataset, xo
            >>> Dataset(*xo(64, seed=1), ("X", "O")).show(4)  # doctest: +SKIP
        """
        from cnnx.data.dataset_grid import dataset_grid  # on first use, as everything drawn

        return dataset_grid(self, at_least(1, per_class, "show", "per_class")).show("show")

    def _repr_html_(self) -> str | None:
        if self.x.ndim != 4 or self.x.dtype != np.uint8:
            return None  # a notebook then shows the text
        from cnnx.data.dataset_grid import dataset_grid

        return dataset_grid(self)._repr_html_()


def check_classes(dataset: Dataset, classes: Sequence[str] | None, function: str) -> None:
    """Refuse a data set whose class names differ from those of a model.

    Args:
        dataset: data set.
        classes: class names of the model, or None.
        function: named in errors.

    Raises:
        ValueError: if the model has other classes, or another order of classes.
    """
    own = dataset.classes
    if classes and not isinstance(own, int) and tuple(classes) != tuple(own):
        raise ValueError(
            f"{function}: the data set has the classes {', '.join(own)}, expected the "
            f"model's, {', '.join(classes)}"
        )


class ImageSet(Protocol):
    """Set of labelled images whose size and classes are known before it is loaded."""

    @property
    def name(self) -> str:
        """Path of the images, for messages."""

    @property
    def classes(self) -> Classes:
        """Class names in the order of the labels, or the number of classes."""

    @property
    def input_shape(self) -> InputShape:
        """Common or default (height, width, channels) of the images."""

    def __len__(self) -> int:
        """Number of images."""

    def load(self, input_shape: InputShape | None = None, resize: str = "stretch") -> Dataset:
        """Load all images as one array of `input_shape`, or of the set's own shape."""


def count_classes(classes: Classes) -> int:
    """Number of classes."""
    return classes if isinstance(classes, int) else len(classes)


class SupportsArrayInterface(Protocol):
    """Object whose pixels NumPy can read, such as an image of Pillow."""

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """NumPy's description of the pixels."""


_OneImage: TypeAlias = ArrayLike | os.PathLike[str] | SupportsArrayInterface
# Images in the forms that models accept: arrays, tensors, image files, images of Pillow, and lists
# of them; arrays by name for a model with several inputs.
ImageLike: TypeAlias = _OneImage | Sequence[_OneImage] | Mapping[str, ArrayLike]
# Images and labels, or images, labels and sample weights.
LabelledArrays: TypeAlias = tuple[ImageLike, ArrayLike] | tuple[ImageLike, ArrayLike, ArrayLike]
# Batches (images, labels) or (images, labels, sample weights): any iterable, such as a list or a
# DataLoader.
Batches: TypeAlias = Iterable[LabelledArrays]
# Images with labels: arrays, a Dataset, a path that `load` accepts, or batches.
LabelledImages: TypeAlias = LabelledArrays | Dataset | str | os.PathLike[str] | Batches


def are_masks(y: Labels | Masks) -> TypeGuard[Masks]:
    """Whether labels are of the pixels of images."""
    return y.ndim == 3


def checked_shape(input_shape: InputShape, resize: str, function: str = "load") -> InputShape:
    """Shape of images as a tuple, refused before any image is read.

    Raises:
        TypeError: if it is not three integers, or resize is not text.
        ValueError: if a size or the way of resizing is unknown.
    """
    # An array without axes is Iterable, too.
    is_list = isinstance(input_shape, Iterable) and getattr(input_shape, "ndim", 1) == 1
    sizes = tuple(input_shape) if is_list else ()
    if len(sizes) != 3 or not all(map(is_integer, sizes)):
        raise TypeError(
            f"{function}: input_shape is {shown(input_shape)}, expected (height, width, channels)"
        )
    if not isinstance(resize, str) or resize not in ("stretch", "fit", "crop"):
        raise ValueError(
            f'{function}: resize is {shown(resize)}, expected "stretch", "fit" or "crop"'
        )
    height, width, channels = map(int, sizes)
    if min(height, width, channels) < 1:
        raise ValueError(
            f"{function}: input_shape is {shown(input_shape)}, expected sizes of at least 1"
        )
    if height in (1, 3) and channels > 4:
        raise ValueError(
            f"{function}: input_shape is {shown(input_shape)}, channels first; expected (height, "
            f"width, channels): {(width, channels, height)}"
        )
    return height, width, channels
