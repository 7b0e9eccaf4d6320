"""A folder of pictures with one subfolder per class: looked through first, decoded when asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np

from cnnx._core import FormatError
from cnnx.data.dataset import Dataset, InputShape
from cnnx.data.picture import picture_shape, pillow, read_picture

EXTENSIONS = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
# Pictures of one size are taken as they are up to this side; others become DEFAULT_SIDE squares.
_LARGEST_SIDE_KEPT = 128
DEFAULT_SIDE = 64
_NAMES_SHOWN = 5

Result = TypeVar("Result")


class FolderSet:
    """The pictures of one class folder: names, labels and sizes, but no pixels until `load`."""

    def __init__(
        self, path: str | os.PathLike[str], classes: tuple[str, ...] | None = None
    ) -> None:
        """Looks through the folder and reads every picture's header.

        Args:
            path: A folder with one subfolder per class. Files that are no pictures by their
                extension, and hidden files, are left alone.
            classes: The class names in the order of the labels, where a model has fixed them; the
                folder may then lack some. None takes the sorted names of the subfolders.

        Raises:
            FormatError: There are no classes, a class without pictures, or unreadable pictures.
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
            pictures = picture_files(self.path / name)
            if not pictures:
                raise FormatError(
                    f"{self.path / name}: holds no pictures ({_extensions()}); "
                    "put some there or remove the folder"
                )
            files += pictures
            labels += [self._classes.index(name)] * len(pictures)
        self.files = tuple(files)
        self.labels = np.array(labels, dtype=np.int64)
        self.shapes = _each_file(
            lambda index: picture_shape(self.files[index]), self.files, self.path
        )

    @property
    def name(self) -> str:
        """Where the pictures are, for messages."""
        return str(self.path)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, in the order of the labels."""
        return self._classes

    @property
    def input_shape(self) -> InputShape:
        """The pictures' own size if all have one that is small, else 64 x 64; RGB if any is."""
        channels = max(shape[2] for shape in self.shapes)
        sizes = {shape[:2] for shape in self.shapes}
        height, width = next(iter(sizes))
        if len(sizes) > 1 or max(height, width) > _LARGEST_SIDE_KEPT:
            height = width = DEFAULT_SIDE
        return height, width, channels

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.files)

    def load(self, input_shape: InputShape | None = None, resize: str = "stretch") -> Dataset:
        """Decodes every picture, several at a time, and resizes it to `input_shape`.

        Raises:
            FormatError: Some files cannot be decoded; all of them are counted, the first are named.
        """
        shape = self.input_shape if input_shape is None else input_shape
        x = np.empty((len(self), *shape), dtype=np.uint8)

        def decode(index: int) -> None:
            x[index] = read_picture(self.files[index], shape, resize=resize)

        _each_file(decode, self.files, self.path)
        return Dataset(x, self.labels, self.classes)


def load_folder(
    path: str | os.PathLike[str],
    *,
    input_shape: InputShape | None = None,
    resize: str = "stretch",
) -> Dataset:
    """Reads a folder of pictures with one subfolder per class.

    Args:
        path: The folder; the sorted names of its subfolders are the classes.
        input_shape: (height, width, channels) of the result, channels 1 (grey) or 3 (RGB). None
            keeps the pictures' size when they all have the same, at most 128 x 128, and otherwise
            makes them 64 x 64.
        resize: How a picture of another shape is made to fit: "stretch", "fit" or "crop".

    Returns:
        The pictures and labels. `cnnx.data.load` also finds the test set beside them.

    Raises:
        FormatError: There are no classes, a class without pictures, or unreadable pictures.
        ImportError: Pillow is not installed.
    """
    return FolderSet(path).load(input_shape, resize)


def class_names(path: Path) -> list[str]:
    """The sorted names of the subfolders that are not hidden."""
    return sorted(
        entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )


def picture_files(path: Path) -> list[Path]:
    """The sorted files of one folder that are pictures by their extension."""
    return sorted(
        entry
        for entry in path.iterdir()
        if entry.suffix.lower() in EXTENSIONS and not entry.name.startswith(".") and entry.is_file()
    )


def _without_classes(path: Path) -> str:
    if picture_files(path):
        return (
            f"{path}: holds pictures but no subfolders; give each class a subfolder of its own, "
            f"such as {path / 'cat'} and {path / 'dog'}"
        )
    return (
        f"{path}: holds neither IDX files (train-images-idx3-ubyte and its labels) "
        "nor a subfolder of pictures for each class"
    )


def _extensions() -> str:
    return " ".join(sorted(EXTENSIONS))


def _each_file(work: Callable[[int], Result], files: Sequence[Path], root: Path) -> list[Result]:
    """work(index) for every file, in threads (Pillow decodes without the GIL); names all failures.

    A wrong file must not hide the next one: people mend a folder in one go.
    """

    def attempt(index: int) -> Result | Exception:
        try:
            return work(index)
        except (FormatError, OSError) as error:
            return error

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        outcomes = list(pool.map(attempt, range(len(files))))
    failed = [
        str(file.relative_to(root))
        for file, outcome in zip(files, outcomes, strict=True)
        if isinstance(outcome, Exception)
    ]
    if failed:
        shown = ", ".join(failed[:_NAMES_SHOWN])
        more = f" and {len(failed) - _NAMES_SHOWN} more" if len(failed) > _NAMES_SHOWN else ""
        count = "1 file" if len(failed) == 1 else f"{len(failed)} files"
        raise FormatError(
            f"{root}: {count} cannot be read as a picture: {shown}{more}; replace or remove"
        )
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
