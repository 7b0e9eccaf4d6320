"""A folder of images with one subfolder per class: looked through first, decoded when asked."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from cnnx._core import FormatError
from cnnx.data.dataset import Dataset, InputShape
from cnnx.data.decoding import Decoding, decode_files, each_file, refuse_unreadable
from cnnx.data.image import image_shape, pillow

EXTENSIONS = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
# Images of one size are taken as they are up to this side; others become DEFAULT_SIDE squares.
_LARGEST_SIDE_KEPT = 128
DEFAULT_SIDE = 64


class FolderSet:
    """The images of one class folder: names, labels and sizes, but no pixels until `load`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        classes: tuple[str, ...] | None = None,
        decoding: Decoding = Decoding(),
    ) -> None:
        """Look through the folder and reads every image's header.

        Args:
            path: A folder with one subfolder per class. Files that are no images by their
                extension, and hidden files, are left alone.
            classes: The class names in the order of the labels, where a model has fixed them; the
                folder may then lack some. None takes the sorted names of the subfolders.
            decoding: How the files are decoded, and what happens to those that cannot be.

        Raises:
            FormatError: There are no classes, a class without images, or unreadable images.
            ImportError: Pillow is not installed.
        """
        self.path = Path(path)
        names = class_names(self.path)
        if not names:
            raise FormatError(_without_classes(self.path))
        self._classes = tuple(names) if classes is None else classes
        unknown = sorted(set(names) - set(self._classes))
        if unknown:
            raise FormatError(
                f"{self.path}: has the subfolder {unknown[0]}, "
                f"expected only classes known already: {', '.join(self._classes)}"
            )
        pillow()
        files: list[Path] = []
        labels: list[int] = []
        for name in names:
            images = image_files(self.path / name)
            if not images:
                raise FormatError(
                    f"{self.path / name}: holds no images ({_extensions()}); "
                    "put some there or remove the folder"
                )
            files += images
            labels += [self._classes.index(name)] * len(images)
        self._decoding = decoding
        shapes = list(each_file(image_shape, files))
        unreadable = [file for file, shape in zip(files, shapes, strict=True) if shape is None]
        refuse_unreadable(unreadable, self.path, decoding)
        readable = [index for index, shape in enumerate(shapes) if shape is not None]
        if not readable:
            raise FormatError(f"{self.path}: none of its {len(files)} images can be read")
        self.files = tuple(files[index] for index in readable)
        self.labels = np.array(labels, dtype=np.int64)[readable]
        self.shapes = [shape for shape in shapes if shape is not None]
        self._skipped = self._names(unreadable)

    @property
    def name(self) -> str:
        """Where the images are, for messages."""
        return str(self.path)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, in the order of the labels."""
        return self._classes

    @property
    def input_shape(self) -> InputShape:
        """The images' own size if all have one that is small, else 64 x 64; RGB if any is."""
        channels = max(shape[2] for shape in self.shapes)
        sizes = {shape[:2] for shape in self.shapes}
        height, width = next(iter(sizes))
        if len(sizes) > 1 or max(height, width) > _LARGEST_SIDE_KEPT:
            height = width = DEFAULT_SIDE
        return height, width, channels

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.files)

    def load(self, input_shape: InputShape | None = None, resize: str = "stretch") -> Dataset:
        """Decode every image, several at a time, and resizes it to `input_shape`.

        Raises:
            FormatError: Some files cannot be decoded; all of them are counted, the first are named.
            OSError: The file that keeps the pixels cannot be written.
        """
        shape = self.input_shape if input_shape is None else input_shape
        x, unreadable = decode_files(self.files, self.path, shape, resize, self._decoding)
        if len(x) == 0:
            raise FormatError(f"{self.path}: none of its {len(self)} images can be read")
        skipped = self._names([self.files[index] for index in unreadable])
        y = np.delete(self.labels, unreadable)
        return Dataset(x, y, self.classes, skipped=self._skipped + skipped)

    def _names(self, files: list[Path]) -> tuple[str, ...]:
        return tuple(str(file.relative_to(self.path)) for file in files)


def load_folder(
    path: str | os.PathLike[str],
    *,
    input_shape: InputShape | None = None,
    resize: str = "stretch",
    decoding: Decoding = Decoding(),
) -> Dataset:
    """Read a folder of images with one subfolder per class.

    Args:
        path: The folder; the sorted names of its subfolders are the classes.
        input_shape: (height, width, channels) of the result, channels 1 (grey) or 3 (RGB). None
            keeps the images' size when they all have the same, at most 128 x 128, and otherwise
            makes them 64 x 64.
        resize: How an image of another shape is made to fit: "stretch", "fit" or "crop".
        decoding: How the files are decoded, kept, and skipped if they cannot be read.

    Returns:
        The images and labels. `cnnx.data.load` also finds the test set beside them.

    Raises:
        FormatError: There are no classes, a class without images, or unreadable images.
        ImportError: Pillow is not installed.
    """
    return FolderSet(path, decoding=decoding).load(input_shape, resize)


def class_names(path: Path) -> list[str]:
    """The sorted names of the subfolders that are not hidden."""
    return sorted(
        entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )


def image_files(path: Path) -> list[Path]:
    """The sorted files of one folder that are images by their extension, and links to none."""
    return sorted(
        entry
        for entry in path.iterdir()
        if entry.suffix.lower() in EXTENSIONS
        and not entry.name.startswith(".")
        and (entry.is_file() or not entry.exists())
    )


def _without_classes(path: Path) -> str:
    if image_files(path):
        return (
            f"{path}: holds images but no subfolders; give each class a subfolder of its own, "
            f"such as {path / 'cat'} and {path / 'dog'}"
        )
    return (
        f"{path}: holds neither IDX files (train-images-idx3-ubyte and its labels) "
        "nor a subfolder of images for each class"
    )


def _extensions() -> str:
    return " ".join(sorted(EXTENSIONS))
