"""Folders of training, validation and test sets, by their names."""

from __future__ import annotations

from pathlib import Path

from cnnx._core import FormatError
from cnnx.arguments import listed
from cnnx.data.image_files import image_names, subfolders

# Names of the folders of a set, in any case.
_SET_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}


def set_folders(path: Path) -> dict[str, Path]:
    """Folders of the sets in `path` or, if that is a training set, beside it; empty without sets.

    Raises:
        FormatError: if sets have two folders, lack the training set, or stand beside other folders.
    """
    beside = sets_beside(path)
    if beside:
        return beside
    folders = folders_by_set(path)
    # A class may be named `train`, too: its folder holds images.
    if not folders or ("train" in folders and len(folders) > 1):
        return folders
    (folder,) = [*folders.values()][:1]
    if image_names(folder):
        return {}
    others = [name for name in subfolders(path) if path / name not in folders.values()]
    if "train" not in folders:
        raise FormatError(
            f"{path}: has the subfolder {folder.name} but none named train; "
            f"pass {folder} to read only that"
        )
    if others:
        raise FormatError(
            f"{path}: has the subfolder {folder.name} beside {listed(others)}, "
            "expected validation (or valid, val) or test beside it"
        )
    return folders


def sets_beside(path: Path) -> dict[str, Path]:
    """Folders of the sets that a training set's folder belongs to; empty if it is alone.

    Raises:
        FormatError: if a set has two folders.
    """
    if path.name.lower() not in _SET_NAMES["train"]:
        return {}
    beside = folders_by_set(path.parent)
    return beside if beside.get("train") == path and len(beside) > 1 else {}


def folders_by_set(root: Path, *, with_subfolders: bool = True) -> dict[str, Path]:
    """Folders that are named like a set, by the set.

    Args:
        root: folder of the folders.
        with_subfolders: whether only those that have subfolders count.

    Raises:
        FormatError: if a set has two folders.
    """
    found: dict[str, Path] = {}
    for set_name, folder_names in _SET_NAMES.items():
        candidates = [
            name
            for name in subfolders(root)
            if name.lower() in folder_names and (not with_subfolders or subfolders(root / name))
        ]
        if len(candidates) > 1:
            raise FormatError(
                f"{root}: has the subfolders {' and '.join(candidates)}, "
                f"expected one {set_name} set; rename or remove the others"
            )
        if candidates:
            found[set_name] = root / candidates[0]
    return found
