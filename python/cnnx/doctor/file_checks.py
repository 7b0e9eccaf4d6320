"""Checks of image files: unreadable ones, their formats, and images that training ignores."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cnnx.data.image_files import EXTENSIONS, image_names, subfolders
from cnnx.data.image_header import ImageHeader
from cnnx.doctor.finding import Finding, Severity, number_of
from cnnx.doctor.folder_survey import DAMAGED, EMPTY

# First bytes of image files; those of HEIF and AVIF come after a length of four bytes.
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*")
_MEDIA_SIGNATURES = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif")
_SIGNATURE_BYTES = 12


def check_readable(unreadable: Mapping[str, str]) -> Iterator[Finding]:
    """Findings on files that cannot be decoded.

    Args:
        unreadable: reasons by name.
    """
    advice = "replace or remove them, or train with --skip-unreadable"
    empty = [name for name, reason in unreadable.items() if reason == EMPTY]
    damaged = [name for name, reason in unreadable.items() if reason == DAMAGED]
    others = [name for name, reason in unreadable.items() if reason not in (EMPTY, DAMAGED)]
    reasons = sorted({unreadable[name] for name in others} - {""})
    end = f" ({reasons[0]})" if reasons else ""
    yield from _finding(
        ("error", "empty-files"), empty, ("file is empty", "files are empty"), advice
    )
    yield from _finding(
        ("error", "truncated-files"),
        damaged,
        ("file is cut short or damaged", "files are cut short or damaged"),
        advice,
    )
    yield from _finding(
        ("error", "unreadable-files"),
        others,
        (f"file cannot be read as an image{end}", f"files cannot be read as images{end}"),
        advice,
    )


def check_formats(headers: Mapping[str, ImageHeader]) -> Iterator[Finding]:
    """Findings on the formats of readable files.

    Args:
        headers: headers of the files that are no plain images, by name.
    """
    files = list(headers.items())
    yield from _finding(
        ("warning", "wrong-extension"),
        [name for name, header in files if not header.has_format_of(name)],
        ("file has the extension of another format", "files have the extension of another format"),
        "rename them for programs that trust it",
    )
    yield from _finding(
        ("warning", "animated"),
        [name for name, header in files if header.is_animated],
        ("file has several frames", "files have several frames"),
        "save the frames as files of their own, or only the first one is read",
    )
    yield from _finding(
        ("note", "transparent"),
        [name for name, header in files if header.has_alpha],
        ("image has an alpha channel", "images have an alpha channel"),
        "save them on the background that they will have in use, or it becomes white",
    )
    yield from _finding(
        ("note", "16-bit"),
        [name for name, header in files if header.is_wide],
        ("image has more than 8 bits per channel", "images have more than 8 bits per channel"),
        "check that dark ones still differ when they are rounded to 8 bits",
    )
    yield from _finding(
        ("note", "cmyk"),
        [name for name, header in files if header.mode == "CMYK"],
        ("image is in CMYK, colours of print", "images are in CMYK, colours of print"),
        "convert them to RGB with their colour profile",
    )
    yield from _finding(
        ("note", "exif-rotation"),
        [name for name, header in files if header.is_rotated],
        ("image is rotated by its EXIF data", "images are rotated by their EXIF data"),
        "check that the program that uses the model turns them upright, as cnnx does",
    )


def check_ignored(root: Path, folders: Iterable[Path]) -> Iterator[Finding]:
    """Findings on images that are not read: beside the class folders, or without an extension.

    Args:
        root: folder that the names of files begin at.
        folders: folders with a subfolder per class.
    """
    paths = [
        path
        for folder in folders
        for path in (
            *(folder / name for name in image_names(folder)),
            *(path for name in subfolders(folder) for path in _unnamed_images(folder / name)),
        )
    ]
    yield from _finding(
        ("warning", "ignored-images"),
        [os.path.relpath(path, root) for path in paths],
        ("image is not read", "images are not read"),
        f"put them into a class folder, with one of the extensions {' '.join(sorted(EXTENSIONS))}",
    )


def _unnamed_images(folder: Path) -> Iterator[Path]:
    """Files in a folder and its subfolders that are images by content but not by extension."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if name.startswith(".") or path.suffix.lower() in EXTENSIONS or not path.is_file():
                continue
            with path.open("rb") as file:
                begin = file.read(_SIGNATURE_BYTES)
            if begin.startswith(_SIGNATURES) or begin[4:].startswith(_MEDIA_SIGNATURES):
                yield path


def _finding(
    kind: tuple[Severity, str], names: Sequence[str], words: tuple[str, str], advice: str
) -> Iterator[Finding]:
    """A finding on files, if there are any."""
    if names:
        yield Finding(*kind, number_of(len(names), *words), len(names), tuple(names), advice)
