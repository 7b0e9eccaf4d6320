"""Properties of an image file that its pixels do not show, from its header."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnx.data.dataset import InputShape
from cnnx.data.image import is_upright, opened_image, small_image_of, upright_shape
from cnnx.data.image_files import FORMATS
from cnnx.files.regular_file import open_descriptor

if TYPE_CHECKING:
    from PIL import Image

_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})


@dataclass(frozen=True)
class ImageHeader:
    """Header of an image file.

    Attributes:
        format: Pillow's name of the format, such as JPEG.
        mode: Pillow's mode of the pixels, such as RGB or CMYK.
        shape: (height, width, channels) of the upright image, with 1 (grey) or 3 channels.
        has_alpha: whether pixels may be transparent.
        is_wide: whether the file has more than 8 bits per channel.
        is_rotated: whether EXIF data turn or mirror the image.
        is_animated: whether there are several frames.
    """

    format: str
    mode: str
    shape: InputShape
    has_alpha: bool = False
    is_wide: bool = False
    is_rotated: bool = False
    is_animated: bool = False

    def has_format_of(self, name: str) -> bool:
        """Whether the extension of a file name is one of the format."""
        return self.format in FORMATS[Path(name).suffix.lower()]

    def is_plain(self, name: str) -> bool:
        """Whether a file of this name has 8 bits per channel, upright, and no other property."""
        is_special = self.has_alpha or self.is_wide or self.is_rotated or self.is_animated
        return self.has_format_of(name) and self.mode != "CMYK" and not is_special


def image_header(path: str | os.PathLike[str]) -> ImageHeader:
    """Read the header of an image file.

    Raises:
        FormatError: if the file is not an image, or is damaged.
        OSError: if the file cannot be opened.
    """
    descriptor, size = open_descriptor(path)
    try:
        small = small_image_of(descriptor, size)
        if small is not None:
            name = "JPEG" if small.decoder == "jpeg" else "PNG"
            return ImageHeader(name, small.mode, small.shape, small.mode in _ALPHA_MODES)
        with os.fdopen(descriptor, "rb", closefd=False) as file, opened_image(file, path) as image:
            return ImageHeader(
                str(image.format),
                image.mode,
                upright_shape(image),
                has_alpha=image.mode in _ALPHA_MODES or "transparency" in image.info,
                is_wide="16" in _raw_mode(image) or image.mode[0] in "IF",
                is_rotated=not is_upright(image),
                # The second image of a camera's MPO file is a preview.
                is_animated=image.format != "MPO" and bool(getattr(image, "is_animated", False)),
            )
    finally:
        os.close(descriptor)


def _raw_mode(image: Image.Image) -> str:
    """Pillow's mode of the pixels in a file that is not yet decoded, such as RGB;16B."""
    tiles: Any = getattr(image, "tile", None)
    settings = tiles[0][3] if tiles else ""
    return str(settings[0] if isinstance(settings, tuple) else settings)
