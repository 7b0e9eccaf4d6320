"""What a path holds, files of arrays or class folders, and the sets found beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cnnx._core import FormatError
from cnnx.data.cifar10 import cifar10_sets
from cnnx.data.dataset import Classes, Dataset, ImageSet, InputShape, count_classes
from cnnx.data.decoding import Decoding
from cnnx.data.folder import FolderSet, class_names
from cnnx.data.idx import idx_sets
from cnnx.data.npz import npz_sets

_TRAIN = "train"
_VALIDATION = ("validation", "val")
_TEST = ("test",)


@dataclass(frozen=True)
class Source:
    """The sets found at a path, known by size and classes but not yet loaded.

    Attributes:
        train: The images to learn from, or the only ones there are.
        validation: Images to measure after every epoch, or None.
        test: Images to measure once, at the end, or None.
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
    """Find out what a path holds, without loading it.

    Args:
        path: A folder of IDX files, of which `t10k` is the test set; or of CIFAR-10's binary files;
            or an .npz with the arrays `x` and `y`; or a folder with one subfolder of images per
            class; or a folder that holds such folders named `train`, `validation` and `test`; or
            that `train` folder itself.
        classes: The classes in the order of the labels, where a model has fixed them.
        decoding: How image files are decoded, kept, and skipped if they cannot be read.

    Raises:
        FormatError: It holds nothing of the kind, or something damaged; the message says what.
        OSError: It cannot be opened.
        ImportError: It holds images, and Pillow is not installed.
    """
    path = Path(path)
    if path.is_file():
        if path.suffix != ".npz":
            raise FormatError(
                f"{path}: is a file, expected the folder that holds the data, or an .npz"
            )
        return _of_sets(npz_sets(path, classes))
    # IDX files know no names.
    count = None if classes is None else count_classes(classes)
    for sets in (idx_sets(path, count), cifar10_sets(path, classes)):
        if sets:
            return _of_sets(sets)
    names: tuple[str, ...] | None = None
    if classes is not None:
        # A model without class names knows them by number.
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
    """Load what a path holds: IDX or CIFAR-10 files, an .npz or class folders, all their sets.

    Args:
        path: As for `open_source`.
        input_shape: (height, width, channels) of the result; None keeps the images' size when
            they all have the same, at most 128 x 128, and otherwise makes them 64 x 64.
        resize: How an image of another shape is made to fit: "stretch", "fit" or "crop".
        decoding: As for `open_source`.

    Raises:
        FormatError, OSError, ImportError: As for `open_source`.

    Example:
        mnist = cnnx.data.load("mnist")
        trainer.fit(mnist.x, mnist.y, epochs=3)
        trainer.evaluate(mnist.test.x, mnist.test.y)
    """
    return open_source(path, decoding=decoding).load(input_shape, resize)


def _of_sets(sets: Sequence[ImageSet]) -> Source:
    return Source(sets[0], test=sets[1] if len(sets) > 1 else None)


def _root_of_sets(path: Path) -> Path | None:
    """The folder of `train` and its siblings, when `path` is that folder or its `train`."""
    root = path.parent if path.name == _TRAIN else path
    has_sets = _beside(root, (_TRAIN,)) and _beside(root, (*_VALIDATION, *_TEST))
    return root if has_sets else None


def _beside(root: Path, set_names: tuple[str, ...]) -> Path | None:
    """The first folder of these names that has class subfolders: a class may be named `train`."""
    for set_name in set_names:
        folder = root / set_name
        if folder.is_dir() and class_names(folder):
            return folder
    return None
