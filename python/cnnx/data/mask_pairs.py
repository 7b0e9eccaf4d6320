"""Image files and the files of their masks, found by equal names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from cnnx._core import FormatError
from cnnx.arguments import listed
from cnnx.data.image_files import (
    EXTENSIONS,
    image_names,
    nested_image_names,
    subfolders,
    warn_of_other_formats,
)

# Names of the folders, in any case; those of PASCAL VOC and of tools that write its form.
_IMAGE_FOLDERS = ("images", "image", "imgs", "img", "jpegimages")
_MASK_FOLDERS = (
    *("masks", "mask", "labels", "label", "annotations", "annotation"),
    *("segmentationclass", "segmentationclasspng"),
)
# What names of masks may have after the name of the image.
_ENDINGS = ("", "_mask", "_L", "_P")


@dataclass(frozen=True)
class MaskFolders:
    """Folders of a set.

    Attributes:
        images: folder of the images.
        masks: folder of the masks, or of a subfolder of masks for each class.
        root: folder of both, which may have a list of the classes.
        stems: names of the images of the set without their ending, or None for all.
    """

    images: Path
    masks: Path
    root: Path
    stems: frozenset[str] | None = None


@dataclass(frozen=True)
class MaskPairs:
    """Images with their masks.

    Attributes:
        images: names of the images, relative to their folder.
        masks: names of the masks of each image, relative to their folder, by the class; by an empty
            name if one file has all classes.
        classes: names of the subfolders with a file per class, or empty.
    """

    images: tuple[str, ...]
    masks: tuple[Mapping[str, str], ...]
    classes: tuple[str, ...]


def mask_folders(root: Path) -> MaskFolders | None:
    """Folders of images and of masks in a folder, or None.

    Raises:
        FormatError: if there are several folders of images or masks.
    """
    found: list[Path] = []
    names = subfolders(root) if root.is_dir() else []
    for known in (_IMAGE_FOLDERS, _MASK_FOLDERS):
        matching = [name for name in names if name.lower() in known]
        if not matching:
            return None
        found.append(root / matching[0])
        if len(matching) > 1:
            raise FormatError(
                f"{root}: has the subfolders {' and '.join(matching)}, expected one of them; "
                "rename or remove the others"
            )
    return MaskFolders(found[0], found[1], root)


def mask_pairs(folders: MaskFolders) -> MaskPairs:
    """Find the images and their masks without opening them.

    Raises:
        FormatError: if there are none, two files have the same name, or a file has no other.
    """
    others: list[str] = []
    images = _by_stem(folders.images, nested_image_names(folders.images, others))
    if folders.stems is not None:
        missing = sorted(folders.stems - set(images))
        if missing:
            raise FormatError(
                f"{folders.images}: lacks {listed(missing)}, expected images of the set"
            )
        images = {stem: images[stem] for stem in images if stem in folders.stems}
    if not images:
        raise FormatError(f"{folders.images}: holds no images ({' '.join(sorted(EXTENSIONS))})")
    warn_of_other_formats(folders.images, others)
    classes = _class_folders(folders)
    masks: dict[str, dict[str, str]] = {stem: {} for stem in images}
    alone: list[str] = []
    for name in classes or ("",):
        folder = folders.masks / name
        prefix = f"{name}{os.sep}" if name else ""
        for stem, file in _by_stem(folder, nested_image_names(folder)).items():
            image = _image_of(stem, images)
            if image is None and folders.stems is not None:
                continue  # of another set
            if image is None:
                alone.append(prefix + file)
            elif name in masks[image]:
                raise _same_name(folder, masks[image][name].removeprefix(prefix), file)
            else:
                masks[image][name] = prefix + file
    without = [images[stem] for stem, found in masks.items() if not found]
    if alone or without:
        raise _unpaired(folders, without, alone)
    return MaskPairs(tuple(images.values()), tuple(masks.values()), classes)


def _class_folders(folders: MaskFolders) -> tuple[str, ...]:
    """Subfolders with a file per class; the images have other subfolders, if any."""
    if image_names(folders.masks):
        return ()
    names = subfolders(folders.masks)
    return () if set(names) & set(subfolders(folders.images)) else tuple(names)


def _by_stem(folder: Path, names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        stem = os.fspath(PurePath(name).with_suffix(""))
        if stem in found:
            raise _same_name(folder, found[stem], name)
        found[stem] = name
    return found


def _image_of(stem: str, images: Mapping[str, str]) -> str | None:
    for ending in _ENDINGS:
        image = stem.removesuffix(ending)
        if stem.endswith(ending) and image in images:
            return image
    return None


def _same_name(folder: Path, first: str, second: str) -> FormatError:
    return FormatError(
        f"{folder}: has {first} and {second}, expected names that differ without their ending"
    )


def _unpaired(folders: MaskFolders, images: list[str], masks: list[str]) -> FormatError:
    parts = []
    if images:
        noun, verb = ("image", "has") if len(images) == 1 else ("images", "have")
        parts.append(f"{len(images)} {noun} {verb} no mask: {_below(folders.images, images)}")
    if masks:
        noun, verb = ("mask", "has") if len(masks) == 1 else ("masks", "have")
        parts.append(f"{len(masks)} {noun} {verb} no image: {_below(folders.masks, masks)}")
    return FormatError(
        f"{folders.root}: {'; '.join(parts)}; expected equal names, such as "
        f"{folders.images.name}{os.sep}1.jpg and {folders.masks.name}{os.sep}1.png"
    )


def _below(folder: Path, names: list[str]) -> str:
    return listed([f"{folder.name}{os.sep}{name}" for name in names])
