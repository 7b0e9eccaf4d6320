"""Image files and folders of them as arguments of a command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cnnx.cli.errors import complain, sentence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnx.model.model import Model


def add_model_and_images(parser: argparse.ArgumentParser) -> None:
    """Add the arguments MODEL and IMAGE..."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="a file that cnnx saved")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files or folders of them")


class ImageArgument(NamedTuple):
    """An image file that a command line names, itself or by a folder.

    Attributes:
        path: path of the file.
        name: path within the folder, or the name of a file that is named itself.
    """

    path: str
    name: str


def image_arguments(paths: list[str], command: str) -> tuple[list[ImageArgument], bool]:
    """The files at the paths, with those of folders, and whether a folder has none.

    Folders without images are named on stderr; images of formats that cannot be read draw a
    warning.
    """
    from cnnx.data.image_files import nested_image_names, warn_of_other_formats

    files: list[ImageArgument] = []
    failed = False
    for path in paths:
        found = [ImageArgument(path, Path(path).name)]
        if Path(path).is_dir():
            others: list[str] = []
            names = nested_image_names(Path(path), others)
            warn_of_other_formats(Path(path), others)
            found = [ImageArgument(str(Path(path, name)), name) for name in names]
        if not found:
            complain(command, f"{path}: holds no images")
            failed = True
        files += found
    return files, failed


def read_or_complain(
    path: str, model: Model, complain_of: Callable[[str], object]
) -> NDArray[np.uint8] | None:
    """Pixels of an image file for a model, or None if it is unreadable.

    Args:
        path: the file.
        model: model whose input it becomes.
        complain_of: receives the sentence about an unreadable file.

    Raises:
        ImportError: if Pillow is not installed.
    """
    from cnnx.data.image import read_image

    try:
        return read_image(path, model.input_shape, resize=model.preprocessing.resize)
    except (ValueError, OSError) as error:
        complain_of(sentence(error))
        return None
