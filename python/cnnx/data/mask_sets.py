"""Training, validation and test sets of images with masks, in the common layouts of folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnx._core import FormatError
from cnnx.data.class_table import ClassTable, given_table, table_beside
from cnnx.data.dataset import Classes
from cnnx.data.decoding import Decoding
from cnnx.data.mask_pairs import MaskFolders, mask_folders
from cnnx.data.mask_set import MaskSet
from cnnx.data.set_folders import folders_by_set, set_folders, sets_beside

# Lists of the sets' images, in PASCAL VOC and in CVAT's form of it.
_LISTS = Path("ImageSets", "Segmentation")
_LIST_NAMES = {"train": "train", "validation": "val", "test": "test"}
_ONLY_LIST = "default"


def mask_sets(
    path: Path,
    classes: Classes | Mapping[str, Any] | None = None,
    decoding: Decoding = Decoding(),
    function: str = "open_source",
) -> dict[str, MaskSet]:
    """Sets by the names train, validation and test; empty if there are no images with masks.

    Args:
        path: as for `open_source`.
        classes: as for `open_source`.
        decoding: settings of decoding image files.
        function: named in errors of `classes`.

    Raises:
        FormatError: if a file has no other, or folders or lists of classes are ambiguous.
        OSError: if a folder cannot be read.
    """
    folders = _folders_of_sets(path)
    if not folders:
        return {}
    fixed: Classes | None = None
    if isinstance(classes, Mapping):
        table: ClassTable | None = given_table(classes, function)
    else:
        root = folders["train"].root
        table, fixed = table_beside([root, root.parent]), classes
    first = MaskSet(folders.pop("train"), fixed, table, decoding)
    others = {
        name: MaskSet(each, fixed, table, decoding, train=first) for name, each in folders.items()
    }
    return {"train": first, **others}


def _folders_of_sets(path: Path) -> dict[str, MaskFolders]:
    own = mask_folders(path)
    if own is not None:
        return _beside(path) or _listed_sets(own) or _inside(own) or {"train": own}
    if not path.is_dir():
        return {}
    sets = set_folders(path)
    return _with_masks(sets) if sets and mask_folders(sets["train"]) else {}


def _beside(path: Path) -> dict[str, MaskFolders]:
    """Sets of the folders beside that of a training set."""
    return _with_masks(sets_beside(path))


def _with_masks(sets: dict[str, Path]) -> dict[str, MaskFolders]:
    found: dict[str, MaskFolders] = {}
    for name, folder in sets.items():
        folders = mask_folders(folder)
        if folders is None:
            raise FormatError(
                f"{folder}: has no folders images and masks, expected them as in "
                f"{sets['train'].name}"
            )
        found[name] = folders
    return found


def _inside(own: MaskFolders) -> dict[str, MaskFolders]:
    """Sets that are subfolders of the folder of images and of that of masks."""
    images, masks = (
        folders_by_set(folder, with_subfolders=False) for folder in (own.images, own.masks)
    )
    if "train" not in images or "train" not in masks:
        return {}
    for name in images.keys() ^ masks.keys():
        folder = images.get(name) or masks[name]
        other = own.masks if name in images else own.images
        raise FormatError(f"{folder}: has no folder of its name in {other}")
    return {name: MaskFolders(images[name], masks[name], own.root) for name in images}


def _listed_sets(own: MaskFolders) -> dict[str, MaskFolders]:
    """Sets whose images are listed in files."""
    lists = own.root / _LISTS
    files = {name: lists / f"{file}.txt" for name, file in _LIST_NAMES.items()}
    if not files["train"].is_file():
        files = {"train": lists / f"{_ONLY_LIST}.txt"}
    return {
        name: replace(own, stems=frozenset(file.read_text(encoding="utf-8").split("\n")) - {""})
        for name, file in files.items()
        if file.is_file()
    }
