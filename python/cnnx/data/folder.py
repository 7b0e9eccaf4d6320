"""Reader of a folder of images with one subfolder per class."""

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
# Images of a common size up to this side keep it; others become squares of DEFAULT_SIDE.
_LARGEST_COMMON_SIDE = 128
DEFAULT_SIDE = 64


class FolderSet:
    """Image set of a folder with class subfolders; `load` decodes the pixels."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        classes: tuple[str, ...] | None = None,
        decoding: Decoding = Decoding(),
    ) -> None:
        """Scan the folder and read the header of every image.

        Args:
            path: folder with one subfolder per class. Hidden files and files without an image
                extension are ignored.
            classes: class names in the order of the labels, if a model fixes them; the folder may
                then lack some. None uses the sorted names of the subfolders.
            decoding: settings of decoding the files.

        Raises:
            FormatError: if there are no classes, a class without images, or unreadable images.
            ImportError: if Pillow is not installed.
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
        """Path of the images, for messages."""
        return str(self.path)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the labels."""
        return self._classes

    @property
    def input_shape(self) -> InputShape:
        """Common size of the images if it is small, else 64 x 64; RGB if any image is."""
        channels = max(shape[2] for shape in self.shapes)
        sizes = {shape[:2] for shape in self.shapes}
        height, width = next(iter(sizes))
        if len(sizes) > 1 or max(height, width) > _LARGEST_COMMON_SIDE:
            height = width = DEFAULT_SIDE
        return height, width, channels

    def __len__(self) -> int:
        """Number of images."""
        return len(self.files)

    def load(self, input_shape: InputShape | None = None, resize: str = "stretch") -> Dataset:
        """Decode all images in parallel and resize them to `input_shape`.

        Raises:
            FormatError: if files cannot be decoded; the message counts them and names the first.
            OSError: if the cache file cannot be written.
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
        path: folder; the sorted names of its subfolders are the classes.
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
    return FolderSet(path, decoding=decoding).load(input_shape, resize)


def class_names(path: Path) -> list[str]:
    """Sorted names of the subfolders that are not hidden."""
    return sorted(
        entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )


def image_files(path: Path) -> list[Path]:
    """Sorted files of one folder with an image extension, including broken links."""
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
            f"{path}: holds images but no subfolders; put each class into its own subfolder, "
            f"such as {path / 'cat'} and {path / 'dog'}"
        )
    return (
        f"{path}: holds neither IDX files (train-images-idx3-ubyte and its labels) "
        "nor a subfolder of images for each class"
    )


def _extensions() -> str:
    return " ".join(sorted(EXTENSIONS))
