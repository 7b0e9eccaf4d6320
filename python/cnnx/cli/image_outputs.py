"""Files in the folder of --out that a command writes for each image."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from cnnx.cli.errors import UserError
from cnnx.cli.image_arguments import ImageArgument
from cnnx.cli.outputs import check_new_file


def output_files(
    images: Sequence[ImageArgument], endings: Sequence[str], arguments: argparse.Namespace
) -> list[list[Path]]:
    """The files to write for each image, whose names differ.

    For a single image --out may be the name of one of them. The others lie beside it.

    Args:
        images: the images.
        endings: what the names of the files have after the name of the image.
        arguments: command line with --out, --overwrite and MODEL.

    Raises:
        UserError: if one exists, cannot be written or is one of the images.
    """
    from cnnx.data.image_files import EXTENSIONS

    folder: Path = arguments.out
    stem, extension = folder.stem, folder.suffix.lower()
    is_file = len(images) == 1 and extension in endings and not folder.is_dir()
    if is_file:
        folder = folder.parent
    elif not folder.is_dir() and extension in {*endings, *EXTENSIONS}:
        raise UserError(
            f"--out {folder} has the name of a file, expected a folder: --out "
            f"{folder.with_suffix('')}"
        )
    elif folder.exists() and not folder.is_dir():
        raise UserError(f"--out {folder} is a file, expected a folder")
    given = {os.path.realpath(image.path) for image in images}
    used: set[str] = set()
    outputs = []
    for image in images:
        if not is_file:
            stem = _unused("-".join(Path(image.name).with_suffix("").parts), used)
        files = [folder / f"{stem}{ending}" for ending in endings]
        for file in files:
            if os.path.realpath(file) in given:
                raise UserError(f"{file} is one of the images; choose another --out")
            if folder.exists():
                check_new_file("--out", file, {"MODEL": arguments.model}, arguments.overwrite)
        outputs.append(files)
    return outputs


def _unused(stem: str, used: set[str]) -> str:
    """The stem, with a number if another image has it; file systems may ignore case."""
    free, number = stem, 2
    while free.lower() in used:
        free, number = f"{stem}-{number}", number + 1
    used.add(free.lower())
    return free
