"""Survey of a folder of images: every file is decoded once, to at most 64 x 64 pixels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnnx._core import FormatError
from cnnx.data.dataset import InputShape, Pixels
from cnnx.data.decoding import read_files
from cnnx.data.folder import class_images
from cnnx.data.image import UNREADABLE, ImageReader
from cnnx.data.image_files import ImageFiles
from cnnx.data.image_header import ImageHeader, image_header
from cnnx.data.memory import DecodingMemory
from cnnx.data.progress import DecodingProgress
from cnnx.doctor.image_table import ImageTable
from cnnx.doctor.measurements import MEASURED_SIDE, Measurements, digests, joined, measure_images

EMPTY = "is empty"
DAMAGED = "is cut short or damaged"
_CHANNELS = 3


@dataclass(frozen=True)
class FolderSurvey:
    """The images of a folder.

    Attributes:
        counts: number of files of every class of every set.
        unreadable: reasons by the names of the files that cannot be decoded.
        headers: headers of the readable files that are no plain JPEG or PNG files, by name.
        table: the readable images, or None without any.
    """

    counts: Mapping[str, Mapping[str, int]]
    unreadable: Mapping[str, str]
    headers: Mapping[str, ImageHeader]
    table: ImageTable | None


def survey_folder(root: Path, folders: Mapping[str, Path]) -> FolderSurvey:
    """Decode and measure every image once; images of up to 64 x 64 pixels in their own size.

    Memory does not depend on the sizes of the images: about 600 bytes are kept of each.

    Args:
        root: folder that the names of files begin at.
        folders: folders with a subfolder per class, by the name of the set.

    Raises:
        FormatError: if a folder has no classes.
        OSError: if a folder cannot be opened.
        ImportError: if Pillow is not installed.
    """
    listed = {name: class_images(folder) for name, folder in folders.items()}
    counts = {
        set_name: {name: len(images) for name, images in classes.items()}
        for set_name, classes in listed.items()
    }
    labels = {name: label for label, name in enumerate(sorted(set().union(*listed.values())))}
    rows = _Rows()
    for set_index, (set_name, folder) in enumerate(folders.items()):
        begin = os.path.relpath(folder, root)
        inside = [
            (os.path.normpath(f"{begin}{os.sep}{name}{os.sep}{image}"), labels[name])
            for name, images in listed[set_name].items()
            for image in images
        ]
        rows.read(root, inside, set_index)
    return FolderSurvey(counts, rows.unreadable, rows.headers, rows.table(root, tuple(folders)))


@dataclass
class _Rows:
    """Rows of the table of images, collected while files are read."""

    unreadable: dict[str, str] = field(default_factory=dict)
    headers: dict[str, ImageHeader] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)  # set and label
    sizes: list[tuple[int, int]] = field(default_factory=list)
    parts: list[Measurements] = field(default_factory=list)

    def read(self, root: Path, files: Sequence[tuple[str, int]], set_index: int) -> None:
        """Add the files of a set, (name, label) each."""
        found = ImageFiles(root, [name for name, _ in files])
        place = 0
        progress = DecodingProgress(task="examining")
        try:
            for results, reasons in read_files(SmallReader().read, found, progress):
                count = len(results) + len(reasons)
                part = files[place : place + count]
                self.unreadable |= {files[row][0]: reason for row, reason in reasons.items()}
                readable = [each for k, each in enumerate(part, place) if k not in reasons]
                place += count
                if results:
                    self._add(readable, results, set_index)
        finally:
            progress.close()

    def _add(
        self,
        files: Sequence[tuple[str, int]],
        results: Sequence[tuple[ImageHeader, Pixels]],
        set_index: int,
    ) -> None:
        self.parts.append(measure_images([pixels for _, pixels in results]))
        for (name, label), (header, _) in zip(files, results, strict=True):
            self.names.append(name)
            self.places.append((set_index, label))
            self.sizes.append(header.shape[:2])
            if not header.is_plain(name):
                self.headers[name] = header

    def table(self, root: Path, sets: tuple[str, ...]) -> ImageTable | None:
        """The table, or None without images."""
        if not self.names:
            return None
        places = np.array(self.places, np.int64)
        sizes = np.array(self.sizes, np.int64)
        measurements = joined(self.parts)
        files = ImageFiles(root, self.names)

        def exact_digests(rows: NDArray[np.int64]) -> NDArray[np.uint64]:
            exact = measurements.digest[rows]
            for k in np.flatnonzero(sizes[rows].max(axis=1) > MEASURED_SIDE):
                row = int(rows[k])
                shape = (int(sizes[row, 0]), int(sizes[row, 1]), _CHANNELS)
                reader = ImageReader(shape, "stretch", DecodingMemory())
                exact[k] = digests(reader.read(files.path(row))[np.newaxis])[0]
            return exact

        return ImageTable(
            self.names, sets, places[:, 0], places[:, 1], sizes, measurements, exact_digests
        )


class SmallReader:
    """Reader of image files as RGB pixels of at most 64 x 64; threads may share it."""

    def __init__(self) -> None:
        self._memory = DecodingMemory()
        self._readers: dict[InputShape, ImageReader] = {}

    def read(self, path: str) -> tuple[ImageHeader, Pixels]:
        """Header and pixels of a file.

        Raises:
            FormatError: if the file is no image, is empty, or is damaged.
            OSError: if it cannot be opened.
        """
        if Path(path).stat().st_size == 0:
            raise FormatError(f"{path}: {EMPTY}")
        header = image_header(path)
        height, width, _ = header.shape
        shape = (min(height, MEASURED_SIDE), min(width, MEASURED_SIDE), _CHANNELS)
        reader = self._readers.get(shape)
        if reader is None:
            reader = self._readers[shape] = ImageReader(shape, "stretch", self._memory)
        try:
            return header, reader.read(path)
        except FormatError as error:
            if str(error).endswith(UNREADABLE):
                raise FormatError(f"{path}: {DAMAGED}") from error
            raise
