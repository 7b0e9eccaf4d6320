"""Detection of the kind of data at a path, and of its training, validation and test sets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cnnx._core import FormatError
from cnnx.data.cifar10 import cifar10_sets
from cnnx.data.dataset import Classes, Dataset, ImageSet, InputShape, count_classes
from cnnx.data.decoding import Decoding
from cnnx.data.folder import FolderSet
from cnnx.data.idx import idx_sets
from cnnx.data.image_files import subfolders
from cnnx.data.npz import npz_sets

_TRAIN = "train"
_VALIDATION = ("validation", "val")
_TEST = ("test",)


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
        """Load every set, all in the shape of the training images or in `input_shape`."""
        shape = self.train.input_shape if input_shape is None else input_shape
        return replace(
            self.train.load(shape, resize),
            validation=None if self.validation is None else self.validation.load(shape, resize),
            test=None if self.test is None else self.test.load(shape, resize),
        )


def open_source(
    path: str | os.PathLike[str],
    classes: Classes | None = None,
    decoding: Decoding = Decoding(),
) -> Source:
    """Find the image sets at a path without loading them.

    Args:
        path: folder of IDX files, with `t10k` as the test set; folder of CIFAR-10's binary files;
            .npz file with the arrays `x` and `y`; folder with one subfolder of images per class;
            folder with such folders named `train`, `validation` and `test`; or that `train` folder
            itself.
        classes: class names in the order of the labels, or their number, if a model fixes them.
        decoding: settings of decoding image files.

    Raises:
        FormatError: if there is no such data, or it is damaged.
        OSError: if it cannot be opened.
        ImportError: if it has image files and Pillow is not installed.
    """
    path = Path(path)
    if path.is_file():
        if path.suffix != ".npz":
            raise FormatError(
                f"{path}: is a file, expected the folder that holds the data, or an .npz"
            )
        return _of_sets(npz_sets(path, classes))
    # IDX files have no class names.
    count = None if classes is None else count_classes(classes)
    for sets in (idx_sets(path, count), cifar10_sets(path, classes)):
        if sets:
            return _of_sets(sets)
    names: tuple[str, ...] | None = None
    if classes is not None:
        # Subfolders of a model without class names are named by number.
        names = tuple(map(str, range(classes))) if isinstance(classes, int) else classes
    root = _root_of_sets(path)
    if root is None:
        return Source(FolderSet(path, names, decoding))
    train = FolderSet(root / _TRAIN, names, decoding)
    validation, test = (_beside(root, group) for group in (_VALIDATION, _TEST))
    return Source(
        train,
        validation=None if validation is None else FolderSet(validation, train.classes, decoding),
        test=None if test is None else FolderSet(test, train.classes, decoding),
    )


def load(
    path: str | os.PathLike[str],
    *,
    input_shape: InputShape | None = None,
    resize: str = "stretch",
    decoding: Decoding = Decoding(),
) -> Dataset:
    """Load the data set at a path: IDX or CIFAR-10 files, an .npz file or class folders.

    Args:
        path: as for `open_source`.
        input_shape: (height, width, channels) of the result. None keeps the common size of the
            images, if it is at most 128 x 128, and otherwise resizes them to 64 x 64.
        resize: how to resize images of another shape: "stretch", "fit" or "crop".
        decoding: as for `open_source`.

    Raises:
        FormatError: as `open_source`.
        OSError: as `open_source`.
        ImportError: as `open_source`.

    Example:
        mnist = cnnx.data.load("mnist")
        trainer.fit(mnist.x, mnist.y, epochs=3)
        trainer.evaluate(mnist.test.x, mnist.test.y)
    """
    return open_source(path, decoding=decoding).load(input_shape, resize)


def _of_sets(sets: Sequence[ImageSet]) -> Source:
    return Source(sets[0], test=sets[1] if len(sets) > 1 else None)


def _root_of_sets(path: Path) -> Path | None:
    """Folder of `train` and its siblings if `path` is that folder or its `train`, or None."""
    root = path.parent if path.name == _TRAIN else path
    has_sets = _beside(root, (_TRAIN,)) and _beside(root, (*_VALIDATION, *_TEST))
    return root if has_sets else None


def _beside(root: Path, set_names: tuple[str, ...]) -> Path | None:
    """First folder of these names with class subfolders; a class itself may be named `train`."""
    for set_name in set_names:
        folder = root / set_name
        if folder.is_dir() and subfolders(folder):
            return folder
    return None
