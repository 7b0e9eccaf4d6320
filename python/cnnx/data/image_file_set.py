"""Image files of a set: their common size, and their pixels in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cnnx._core import FormatError
from cnnx.data.dataset import InputShape, Pixels
from cnnx.data.decoding import Decoding, Survey
from cnnx.data.decoding_once import decode_once, survey_once
from cnnx.data.image_files import ImageFiles
from cnnx.data.pillow import pillow

# Images of a common size up to this side keep it; others become squares.
LARGEST_COMMON_SIDE = 128


class ImageFileSet:
    """Images of a set in files, decoded on request."""

    def __init__(self, files: ImageFiles, decoding: Decoding, default_side: int) -> None:
        """Store the files without opening them.

        Args:
            files: the image files.
            decoding: settings of decoding the files.
            default_side: side of the images if they have no small common size.

        Raises:
            ImportError: if Pillow is not installed.
        """
        pillow()
        self._files = files
        self._decoding = decoding
        self._default_side = default_side
        self._survey: Survey | None = None

    @property
    def folder(self) -> Path:
        """Folder of the images."""
        return self._files.root

    @property
    def name(self) -> str:
        """Path of the images, for messages."""
        return str(self._files.root)

    @property
    def files(self) -> tuple[Path, ...]:
        """Image files in the order of the labels."""
        return tuple(self._files.root / name for name in self._files.names)

    @property
    def file_names(self) -> Sequence[str]:
        """Names of the image files below the folder, in the order of the labels."""
        return self._files.names

    @property
    def input_shape(self) -> InputShape:
        """Common size of the images if it is small, else the default; RGB if any image is.

        The first use reads every image's header, and decodes small images of a common size.

        Raises:
            FormatError: if there are unreadable images.
        """
        shapes = self._surveyed().shapes
        channels = max(shape[2] for shape in shapes)
        sizes = {shape[:2] for shape in shapes}
        height, width = next(iter(sizes))
        if len(sizes) > 1 or max(height, width) > LARGEST_COMMON_SIDE:
            height = width = self._default_side
        return height, width, channels

    def __len__(self) -> int:
        """Number of image files."""
        return len(self._files)

    def _surveyed(self) -> Survey:
        if self._survey is None:
            survey = survey_once(self._files, LARGEST_COMMON_SIDE, self._decoding)
            if not survey.shapes:
                raise self._without_images()
            self._survey = survey
        return self._survey

    def _decoded(self, shape: InputShape, resize: str) -> tuple[Pixels, list[int]]:
        """Pixels of the readable files, and the positions of the others.

        Raises:
            FormatError: if there are files that may not be skipped, or no others.
        """
        survey = self._survey
        if survey is not None and survey.x is not None and survey.x.shape[1:] == shape:
            self._survey = replace(survey, x=None)  # the caller's from now on
            return survey.x, list(survey.unreadable)
        decoded = decode_once(self._files, shape, resize, self._decoding)
        if len(decoded.x) == 0:
            raise self._without_images()
        return decoded.x, list(decoded.unreadable)

    def _without_images(self) -> FormatError:
        return FormatError(f"{self.name}: none of its {len(self)} images can be read")
