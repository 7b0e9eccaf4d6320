"""Reader of a folder of images with one subfolder per class."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnx._core import FormatError
from cnnx.arguments import listed, path_of
from cnnx.data.dataset import Dataset, InputShape, Pixels, checked_shape
from cnnx.data.decoding import Decoding, decode_files, refuse_unreadable
from cnnx.data.image_file_set import ImageFileSet
from cnnx.data.image_files import (
    EXTENSIONS,
    ImageFiles,
    image_names,
    nested_image_names,
    refuse_unknown_classes,
    subfolders,
    warn_of_other_formats,
)
from cnnx.spelling import checked_call

DEFAULT_SIDE = 64  # of images without a small common size


class FolderSet(ImageFileSet):
    """Image set of a folder with class subfolders; `load` decodes the pixels."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        classes: tuple[str, ...] | None = None,
        decoding: Decoding = Decoding(),
    ) -> None:
        """Find the image files without opening them.

        Args:
            path: folder with one subfolder per class, whose images may lie in further subfolders.
                Hidden files and files without an image extension are ignored. Images of other
                formats, such as AVIF and HEIC, draw a warning.
            classes: class names in the order of the labels, if a model fixes them; the folder may
                then lack some. None uses the sorted names of the subfolders.
            decoding: settings of decoding the files.

        Raises:
            FormatError: if there are no classes, or a class without images.
            ImportError: if Pillow is not installed.
        """
        self.path = Path(path_of(path, "FolderSet"))
        others: list[str] = []
        found = class_images(self.path, others)
        self._classes = tuple(found) if classes is None else classes
        refuse_unknown_classes(self.path, found, self._classes)
        names: list[str] = []
        labels: list[int] = []
        for class_name, images in found.items():
            if not images:
                raise FormatError(
                    f"{self.path / class_name}: holds no images ({' '.join(sorted(EXTENSIONS))}); "
                    "put some there or remove the folder"
                )
            names += [f"{class_name}{os.sep}{image}" for image in images]
            labels += [self._classes.index(class_name)] * len(images)
        super().__init__(ImageFiles(self.path, names), decoding, DEFAULT_SIDE)
        self.labels = np.array(labels, dtype=np.int64)
        warn_of_other_formats(self.path, others)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the labels."""
        return self._classes

    def subset(self, rows: NDArray[np.int64]) -> FolderSet:
        """The images at some positions, in the order of the positions."""
        chosen = copy.copy(self)
        chosen._files = ImageFiles(self.path, [self._files.names[row] for row in rows.tolist()])
        chosen.labels = self.labels[rows]
        chosen._survey = None
        return chosen

    def load(self, input_shape: InputShape | None = None, resize: str = "stretch") -> Dataset:
        """Decode all images in parallel and resize them to `input_shape`.

        Raises:
            FormatError: if files cannot be decoded; the message counts them and names the first.
            OSError: if the cache file cannot be written.
        """
        shape = checked_shape(self.input_shape if input_shape is None else input_shape, resize)
        x, unreadable = self._decoded(shape, resize)
        y = np.delete(self.labels, unreadable)
        missing = set(unreadable)
        names = self._files.names
        return Dataset(
            x,
            y,
            self.classes,
            skipped=tuple(names[index] for index in unreadable),
            names=tuple(name for index, name in enumerate(names) if index not in missing),
        )

    def decode(self, rows: range, shape: InputShape, resize: str) -> tuple[Pixels, dict[int, str]]:
        """Decode the images at some positions in memory, without an error for unreadable files.

        Returns:
            Pixels of the readable files, and reasons by the positions of the others in `rows`.
        """
        files = ImageFiles(self.path, self._files.names[rows.start : rows.stop])
        memory_limit = self._decoding.memory_limit
        decoding = Decoding(
            skip_unreadable=True, memory_limit=memory_limit, progress=lambda done, total: None
        )
        decoded = decode_files(files, shape, resize, decoding)
        return decoded.x, decoded.unreadable

    def refuse(self, unreadable: dict[int, str]) -> None:
        """Raise the error of `load`, given the reasons by the positions of the unreadable files.

        Raises:
            FormatError: if there is a file that may not be skipped, or no other file.
        """
        refuse_unreadable(self._files, unreadable, self._decoding)
        if len(unreadable) == len(self):
            raise self._without_images()


@checked_call
def load_folder(
    path: str | os.PathLike[str],
    *,
    input_shape: InputShape | None = None,
    resize: str = "stretch",
    decoding: Decoding = Decoding(),
) -> Dataset:
    """Read a folder of images with one subfolder per class.

    Args:
        path: folder; the sorted names of its subfolders are the classes. Images in subfolders of
            these belong to the class, too.
        input_shape: (height, width, channels) of the result, channels 1 (grey) or 3 (RGB). None
            keeps the common size of the images, if it is at most 128 x 128, and otherwise resizes
            them to 64 x 64.
        resize: how to resize images of another shape: "stretch", "fit" or "crop".
        decoding: settings of decoding the files.

    Returns:
        The images and labels. `cnnx.data.load` also finds validation and test sets.

    Raises:
        FormatError: if there are no classes, a class without images, or unreadable images.
        ImportError: if Pillow is not installed.
    """
    return FolderSet(path_of(path, "load_folder"), decoding=decoding).load(input_shape, resize)


def class_images(path: Path, others: list[str] | None = None) -> dict[str, list[str]]:
    """Images of every class subfolder by the sorted class names, relative to the subfolder.

    Args:
        path: folder of the classes.
        others: receives the names of images that cannot be read, relative to `path`.

    Raises:
        FormatError: if there are no subfolders, or the only one seems to be a folder of classes.
    """
    found: dict[str, list[str]] = {}
    for name in subfolders(path):
        of_class: list[str] = []
        found[name] = nested_image_names(path / name, of_class)
        if others is not None:
            others += [f"{name}{os.sep}{other}" for other in of_class]
    if not found:
        raise FormatError(_without_classes(path))
    if len(found) > 1:
        return found
    ((class_name, names),) = found.items()
    inner = sorted({name.partition(os.sep)[0] for name in names})
    if names and all(os.sep in name for name in names):
        raise FormatError(
            f"{path}: has the single subfolder {class_name}, whose images lie in its subfolders "
            f"{listed(inner)}; if these are the classes, pass {path / class_name}"
        )
    return found


def _without_classes(path: Path) -> str:
    if image_names(path):
        return (
            f"{path}: holds images but no subfolders; put each class into its own subfolder, "
            f"such as {path / 'cat'} and {path / 'dog'}"
        )
    return (
        f"{path}: holds neither IDX files (train-images-idx3-ubyte and its labels) "
        "nor a subfolder of images for each class"
    )
