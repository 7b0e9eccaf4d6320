"""Detection of the kind of data at a path, and of its training, validation and test sets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cnnx._core import FormatError
from cnnx.arguments import is_integer, path_of, shown
from cnnx.data.arrays import ArraySet
from cnnx.data.cifar10 import cifar10_sets
from cnnx.data.dataset import Classes, Dataset, ImageSet, InputShape, count_classes
from cnnx.data.decoding import Decoding
from cnnx.data.folder import FolderSet
from cnnx.data.idx import idx_sets
from cnnx.data.mask_sets import mask_sets
from cnnx.data.npz import npz_sets
from cnnx.data.set_folders import set_folders
from cnnx.files.regular_file import kind_of
from cnnx.spelling import checked_call

_MOST_CLASSES = 1 << 24  # the most outputs of a dense layer


@dataclass(frozen=True)
class Source:
    """Image sets found at a path, not yet loaded.

    Attributes:
        train: training set, or the only set.
        validation: validation set, or None.
        test: test set, or None.
    """

    train: ImageSet
    validation: ImageSet | None = None
    test: ImageSet | None = None

    def load(self, input_shape: InputShape | None = None, resize: str = "stretch") -> Dataset:
        """Load every set, all in the shape of the training images or in `input_shape`.

        Raises:
            TypeError: if input_shape is not three integers.
            ValueError: if a size or the way of resizing is unknown.
            FormatError: if files cannot be used; the message counts them and names the first.
            OSError: if the cache file cannot be written.
        """
        shape = self.train.input_shape if input_shape is None else input_shape
        return replace(
            self.train.load(shape, resize),
            validation=None if self.validation is None else self.validation.load(shape, resize),
            test=None if self.test is None else self.test.load(shape, resize),
        )


@checked_call
def open_source(
    path: str | os.PathLike[str],
    classes: Classes | Mapping[str, Any] | None = None,
    decoding: Decoding = Decoding(),
) -> Source:
    """Find the image sets at a path without loading them.

    Args:
        path: folder of IDX files, with `t10k` as the test set; folder of CIFAR-10's binary files;
            .npz file with the arrays `x` and `y`; folder with one subfolder of images per class, or
            with the subfolders `images` and `masks`; folder with such folders named `train` (or
            `training`), `validation` (`valid`, `val`) and `test` (`testing`), in any case; or that
            `train` folder itself.
        classes: class names in the order of the labels, or their number, if a model fixes them;
            for masks also the colours by class name, such as ``{"road": (128, 64, 128)}``.
        decoding: settings of decoding image files.

    Raises:
        TypeError: if path is no path, or classes are neither names, a number nor colours of masks.
        ValueError: if the path is empty, a number of classes is out of range, or a colour is not
            (red, green, blue) or ``#rrggbb``.
        FormatError: if there is no such data, or it is damaged.
        OSError: if it cannot be opened.
        ImportError: if it has image files and Pillow is not installed.
    """
    return _opened(path, classes, decoding, "open_source")


def _opened(
    path: str | os.PathLike[str],
    classes: Classes | Mapping[str, Any] | None,
    decoding: Decoding,
    function: str,
) -> Source:
    """The source of `open_source`, by a function that is named in errors."""
    name = path_of(path, function)
    if not name:  # Path would take it for the current folder
        raise ValueError(f"{function}: path is empty, expected a path")
    path = Path(name)
    if not isinstance(decoding, Decoding):
        raise TypeError(f"{function}: decoding is {shown(decoding)}, expected a cnnx.data.Decoding")
    if is_integer(classes):
        classes = int(classes)  # type: ignore[arg-type]  # of NumPy's integers
        if not 1 <= classes <= _MOST_CLASSES:
            raise ValueError(
                f"{function}: classes is {shown(classes)}, expected 1 to {_MOST_CLASSES}"
            )
    elif isinstance(classes, (list, tuple)):
        classes = tuple(classes)
    elif classes is not None and not isinstance(classes, Mapping):
        raise TypeError(f"{function}: classes is {shown(classes)}, expected names or their number")
    masks = mask_sets(path, classes, decoding, function)
    if masks:
        return Source(**masks)
    if isinstance(classes, Mapping):
        raise TypeError(
            f"{function}: classes is {shown(classes)}, expected names, because {path} has no "
            "folders images and masks"
        )
    arrays = array_sets(path, classes, decoding)
    if arrays:
        return Source(arrays[0], test=arrays[1] if len(arrays) > 1 else None)
    names: tuple[str, ...] | None = None
    if classes is not None:
        # Subfolders of a model without class names are named by number.
        names = tuple(map(str, range(classes))) if isinstance(classes, int) else classes
    folders = set_folders(path)
    train = FolderSet(folders.pop("train", path), names, decoding)
    return Source(
        train, **{name: FolderSet(each, train.classes, decoding) for name, each in folders.items()}
    )


def array_sets(
    path: Path, classes: Classes | None = None, decoding: Decoding = Decoding()
) -> Sequence[ArraySet]:
    """Sets of arrays at a path, the training set first; empty if it is a folder of other files.

    Args:
        path: as for `open_source`.
        classes: class names in the order of the labels, or their number, if a model fixes them.
        decoding: its memory limit holds for compressed arrays.

    Raises:
        FormatError: if it is another kind of file, or the arrays are damaged.
        OSError: if it cannot be opened.
    """
    if path.is_file():
        if path.suffix != ".npz":
            raise FormatError(
                f"{path}: is a file, expected the folder that holds the data, or an .npz"
            )
        return npz_sets(path, classes, decoding.memory_limit)
    if not path.is_dir() and path.exists():
        kind = kind_of(path.stat())
        raise FormatError(f"{path}: is {kind}, expected the folder that holds the data, or an .npz")
    # IDX files have no class names.
    count = None if classes is None else count_classes(classes)
    return idx_sets(path, count, decoding.memory_limit) or cifar10_sets(path, classes)


@checked_call
def load(
    path: str | os.PathLike[str],
    *,
    classes: Classes | Mapping[str, Any] | None = None,
    input_shape: InputShape | None = None,
    resize: str = "stretch",
    decoding: Decoding = Decoding(),
) -> Dataset:
    """Load the data set at a path: IDX or CIFAR-10 files, .npz, class folders, or masks.

    Args:
        path: as for `open_source`.
        classes: as for `open_source`.
        input_shape: (height, width, channels) of the result. None keeps the common size of the
            images, if it is at most 128 x 128, and otherwise resizes them to 64 x 64, with masks to
            128 x 128.
        resize: how to resize images of another shape: "stretch", "fit" or "crop".
        decoding: as for `open_source`.

    Raises:
        TypeError: as `open_source`, or if input_shape is not three integers.
        ValueError: as `open_source`, or if a size or the way of resizing is unknown.
        FormatError: as `open_source`, or if files cannot be used.
        OSError: as `open_source`, or if the cache file cannot be written.
        ImportError: as `open_source`.

    Example:
        mnist = cnnx.data.load("mnist")
        trainer.fit(mnist.x, mnist.y, epochs=3)
        trainer.evaluate(mnist.test.x, mnist.test.y)
    """
    return _opened(path, classes, decoding, "load").load(input_shape, resize)
