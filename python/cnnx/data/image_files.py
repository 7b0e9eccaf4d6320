"""Image files below a folder, found by listing every folder once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnx._core import FormatError
from cnnx.advice import warn
from cnnx.arguments import listed
from cnnx.wording import counted

# Pillow's names of the formats by the extension; the second is a JPEG file of several images.
FORMATS = {
    ".bmp": ("BMP",),
    ".gif": ("GIF",),
    ".jfif": ("JPEG", "MPO"),
    ".jpe": ("JPEG", "MPO"),
    ".jpeg": ("JPEG", "MPO"),
    ".jpg": ("JPEG", "MPO"),
    ".pbm": ("PPM",),
    ".pgm": ("PPM",),
    ".png": ("PNG",),
    ".ppm": ("PPM",),
    ".tif": ("TIFF",),
    ".tiff": ("TIFF",),
    ".webp": ("WEBP",),
}
EXTENSIONS = frozenset(FORMATS)
# Of images that are not read.
_OTHER_EXTENSIONS = frozenset({".avif", ".heic", ".heif", ".jp2", ".jxl", ".tga"})
# Folders that archives of macOS contain beside the data.
_IGNORED = frozenset({"__MACOSX"})


@dataclass(frozen=True)
class ImageFiles:
    """Image files of a folder.

    Attributes:
        root: the folder.
        names: paths of the files, relative to the folder.
    """

    root: Path
    names: Sequence[str]

    def __len__(self) -> int:
        """Number of files."""
        return len(self.names)

    def path(self, index: int) -> str:
        """Path of a file; a string, because paths of many files take long to make."""
        return f"{self.root}{os.sep}{self.names[index]}"

    def status(self, index: int) -> os.stat_result | None:
        """Size, time and permissions of a file, or None for a link to nothing."""
        try:
            return Path(self.path(index)).stat()
        except OSError:
            return None


def subfolders(path: Path) -> list[str]:
    """Sorted names of the subfolders that are not hidden."""
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if _is_folder(entry))


def refuse_unknown_classes(path: Path, folders: Iterable[str], classes: Sequence[str]) -> None:
    """Refuse subfolders that are none of the classes a model or a training set fixes.

    Raises:
        FormatError: if there is such a subfolder.
    """
    unknown = sorted(set(folders) - set(classes))
    if not unknown:
        return
    # A model without class names knows its classes as 0, 1, 2 ...
    are_numbers = all(name == str(label) for label, name in enumerate(classes))
    advice = "; give each subfolder the number of its class as its name" if are_numbers else ""
    raise FormatError(
        f"{path}: has the subfolder {unknown[0]}, expected only classes known already: "
        f"{listed(classes)}{advice}"
    )


def image_names(path: Path) -> list[str]:
    """Sorted names of the files with an image extension in one folder, including broken links."""
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if _is_image(entry))


def nested_image_names(path: Path, others: list[str] | None = None) -> list[str]:
    """Names of the images of a folder, and then of its subfolders, relative to the folder.

    Links that lead back to a folder around them are ignored.

    Args:
        path: the folder.
        others: receives the names of images whose extension says that they cannot be read.

    Raises:
        OSError: if a folder cannot be read.
    """
    return list(_walk(os.fspath(path), "", (), [] if others is None else others))


def warn_of_other_formats(folder: Path, others: Sequence[str]) -> None:
    """Warn of the images of a folder, if there are any, that `nested_image_names` left out."""
    if others:
        warn(
            f"{folder}: {counted(len(others), 'image')} of other formats, such as {others[0]}, "
            "cannot be read; convert them to PNG or JPEG"
        )


def _walk(path: str, prefix: str, above: tuple[str, ...], others: list[str]) -> Iterator[str]:
    """Names below `path`, each with a prefix; `above` are the real paths of its parents."""
    folders, images = [], []
    with os.scandir(path) as entries:
        for entry in entries:
            if _is_image(entry):
                images.append(prefix + entry.name)
            elif _is_folder(entry):
                folders.append(entry)
            elif _extension(entry) in _OTHER_EXTENSIONS:
                others.append(prefix + entry.name)
    yield from sorted(images)
    if not folders:
        return
    parents = (*above, f"{os.path.realpath(path)}{os.sep}")
    for entry in sorted(folders, key=lambda each: each.name):
        if not entry.is_symlink() or not _contains_any(entry.path, parents):
            yield from _walk(entry.path, f"{prefix}{entry.name}{os.sep}", parents, others)


def _contains_any(link: str, folders: tuple[str, ...]) -> bool:
    """Whether a link leads to one of the folders or to a folder around it: a loop."""
    target = f"{os.path.realpath(link)}{os.sep}"
    return any(folder.startswith(target) for folder in folders)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.name not in _IGNORED and entry.is_dir()


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Whether a file has an image extension; links to nothing count, so that errors name them."""
    if _extension(entry) not in EXTENSIONS:
        return False
    return entry.is_file() or not Path(entry.path).exists()


def _extension(entry: os.DirEntry[str]) -> str:
    """Extension of a file in lower case, with its dot; empty for a hidden one."""
    _, dot, ending = entry.name.rpartition(".")
    return "" if entry.name.startswith(".") else dot + ending.lower()
