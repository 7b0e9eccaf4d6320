"""Image set of a folder with a mask for each image."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnnx import _core
from cnnx._core import FormatError, get_num_threads
from cnnx.arguments import listed
from cnnx.data.class_table import ClassTable
from cnnx.data.dataset import Classes, Dataset, InputShape, Masks, checked_shape, count_classes
from cnnx.data.decoding import MOST_THREADS, NAMES_SHOWN, Decoding, in_threads, shown_progress
from cnnx.data.image import image_shape
from cnnx.data.image_file_set import ImageFileSet
from cnnx.data.image_files import ImageFiles, refuse_unknown_classes
from cnnx.data.mask_file import Values, read_values
from cnnx.data.mask_labels import BACKGROUND, BINARY, IGNORED, is_black_and_white
from cnnx.data.mask_pairs import MaskFolders, mask_pairs
from cnnx.data.memory import DecodingMemory

# More classes need names: such labels are mostly levels of grey.
_MOST_UNNAMED = 64
DEFAULT_SIDE = 128  # of images without a small common size


@dataclass(frozen=True)
class _Coding:
    """Classes of the labels, and the meaning of the value 255.

    Attributes:
        classes: class names or their number.
        is_binary: whether 255 is white, and so class 1.
        has_ignored: whether some pixels have 255, and it is no class.
    """

    classes: Classes
    is_binary: bool = False
    has_ignored: bool = False


@dataclass(frozen=True)
class _Found:
    """Masks of some images.

    Attributes:
        labels: resized labels, or None.
        rows: positions of the images.
        reasons: reasons by the positions of images with unusable masks.
        present: which values each mask of an image has, (images, 256).
        is_white: whether the value 255 is white in all masks.
    """

    labels: Masks | None
    rows: list[int]
    reasons: dict[int, str]
    present: NDArray[np.bool_]
    is_white: bool


class MaskSet(ImageFileSet):
    """Image set of a folder of images and a folder of masks; `load` decodes both."""

    def __init__(
        self,
        folders: MaskFolders,
        classes: Classes | None = None,
        table: ClassTable | None = None,
        decoding: Decoding = Decoding(),
        train: MaskSet | None = None,
    ) -> None:
        """Find images and masks without opening them.

        Args:
            folders: folders of images and masks.
            classes: class names in the order of the labels, or their number, if a model fixes them.
            table: names of the classes, perhaps with colours; None takes masks of labels.
            decoding: settings of decoding the files.
            train: training set, whose classes this set shares.

        Raises:
            FormatError: if a file has no other, or the classes are not those of the model.
            ImportError: if Pillow is not installed.
        """
        pairs = mask_pairs(folders)
        super().__init__(ImageFiles(folders.images, pairs.images), decoding, DEFAULT_SIDE)
        self.path = folders.root
        self._folders = folders
        self._masks = pairs.masks
        if isinstance(classes, tuple) and table is not None:
            table = table.in_order_of(classes)
        self._table = table
        self._fixed = table.names if table is not None else classes
        self._train = train
        self._coding: _Coding | None = None
        self._memory = DecodingMemory(decoding.memory_limit)
        if pairs.classes:
            self._take_class_folders(pairs.classes)
        elif table is not None and table.colours is not None:
            self._coding = _Coding(table.names)
        if isinstance(classes, int) and self._fixed is not None:
            self._check_count(classes, count_classes(self._fixed))

    @property
    def name(self) -> str:
        """Path of the images and masks, for messages."""
        return str(self.path)

    @property
    def classes(self) -> Classes:
        """Class names in the order of the labels, or their number.

        Without names, the first use reads every mask.

        Raises:
            FormatError: if masks cannot be used.
        """
        if self._fixed is not None:
            return self._fixed
        if self._coding is None:
            found = self._read(None, "stretch", list(range(len(self))))
            self._refuse(found.reasons)
            self._coding = self._coding_of(found)
        return self._coding.classes

    def load(self, input_shape: InputShape | None = None, resize: str = "stretch") -> Dataset:
        """Decode all images and masks, and resize both to `input_shape`.

        Each pixel of a resized mask has the label of the nearest original one.

        Raises:
            FormatError: if files cannot be used; the message counts them and names the first.
            OSError: if the cache file cannot be written.
        """
        shape = checked_shape(self.input_shape if input_shape is None else input_shape, resize)
        x, unreadable = self._decoded(shape, resize)
        readable = np.delete(np.arange(len(self)), unreadable).tolist()
        found = self._read(shape, resize, readable)
        self._refuse(found.reasons)
        coding = self._coding = self._coding or self._coding_of(found)
        reasons = found.reasons | self._out_of_range(found, coding)
        self._refuse(reasons)
        assert found.labels is not None
        is_usable = np.array([index not in reasons for index in readable], bool)
        y = found.labels
        if not is_usable.all():
            x, y = x[is_usable], y[is_usable]
            if len(x) == 0:
                raise FormatError(f"{self.name}: none of its {len(self)} masks can be used")
        if coding.is_binary:
            y[y == IGNORED] = 1
        names = self._files.names
        used = {index for index in readable if index not in reasons}
        return Dataset(
            x,
            y,
            coding.classes,
            skipped=tuple(name for index, name in enumerate(names) if index not in used),
            names=tuple(names[index] for index in sorted(used)),
        )

    def _take_class_folders(self, folders: tuple[str, ...]) -> None:
        """Label masks by their folders; pixels of none are the background."""
        names = self._fixed
        if names is None or isinstance(names, int):
            names = (BACKGROUND, *(name for name in folders if name != BACKGROUND))
        refuse_unknown_classes(self._folders.masks, folders, names)
        self._fixed = names
        self._coding = _Coding(names)

    def _check_count(self, expected: int, found: int) -> None:
        if expected != found:
            raise FormatError(f"{self.name}: has {found} classes, expected the model's {expected}")

    def _read(self, shape: InputShape | None, resize: str, rows: list[int]) -> _Found:
        """Read the masks of some images; without a shape, only which values they have."""
        labels = None if shape is None else np.empty((len(rows), *shape[:2]), np.uint8)
        reasons: dict[int, str] = {}
        present = np.zeros((len(rows), IGNORED + 1), bool)
        is_white = True

        def read(index: int) -> tuple[Masks, NDArray[np.bool_], bool] | str:
            try:
                values = self._values(index)
            except (FormatError, OSError) as error:
                return str(error)
            mask = values.labels
            has = np.bincount(mask.ravel(), minlength=IGNORED + 1) > 0
            if shape is not None and mask.shape != shape[:2]:
                mask = _core.resize_mask(np.ascontiguousarray(mask), *shape[:2], resize)
            return mask, has, values.is_white

        threads = min(MOST_THREADS, get_num_threads())
        with shown_progress(self._decoding, "reading masks") as progress:
            for place, result in enumerate(in_threads(read, rows, threads)):
                if isinstance(result, str):
                    reasons[rows[place]] = result
                else:
                    mask, present[place], white = result
                    is_white = is_white and white
                    if labels is not None:
                        labels[place] = mask
                progress(place + 1, len(rows))
        return _Found(labels, rows, reasons, present, is_white)

    def _values(self, index: int) -> Values:
        """Values of the mask of one image."""
        size = image_shape(self._files.path(index))[:2]
        masks = self._masks[index]
        if "" in masks:
            return read_values(self._mask_path(masks[""]), size, self._table, self._memory)
        names = self._fixed
        assert isinstance(names, tuple)
        labels = np.zeros(size, np.uint8)
        owners = np.zeros(size, bool)
        for name, file in masks.items():
            is_class = read_values(self._mask_path(file), size, None, self._memory).labels > 0
            if (owners & is_class).any():
                row, column = np.argwhere(owners & is_class)[0]
                other = names[labels[row, column]]
                raise FormatError(
                    f"{self._mask_path(file)}: has the pixel at row {row}, column {column}, which "
                    f"is of {other} already, expected one class per pixel"
                )
            owners |= is_class
            labels[is_class] = names.index(name)
        return Values(labels, is_white=False)

    def _mask_path(self, name: str) -> str:
        return f"{self._folders.masks}{os.sep}{name}"

    def _coding_of(self, found: _Found) -> _Coding:
        """Classes of masks that hold labels, and whether they are black and white."""
        train = None if self._train is None else self._train._coding
        values = np.flatnonzero(found.present.any(axis=0))
        fixed = self._fixed if train is None else train.classes
        is_binary = found.is_white and is_black_and_white(values.tolist(), fixed)
        if train is not None and train.has_ignored:
            is_binary = False  # 255 has one meaning in all sets
        has_ignored = IGNORED in values and not is_binary
        if fixed is not None or is_binary:
            return _Coding(BINARY if fixed is None else fixed, is_binary, has_ignored)
        largest = int(values[values < IGNORED].max(initial=0))
        if largest == 0:
            raise FormatError(
                f"{self._folders.masks}: holds no label above 0, expected those of two classes or "
                "more"
            )
        if largest >= _MOST_UNNAMED:
            index = found.rows[int(np.flatnonzero(found.present[:, largest])[0])]
            raise FormatError(
                f"{self._place(index, largest)}, expected classes from 0 to {_MOST_UNNAMED - 1}; "
                "for more, list their names in classes.txt"
            )
        return _Coding(largest + 1, has_ignored=has_ignored)

    def _out_of_range(self, found: _Found, coding: _Coding) -> dict[int, str]:
        """Reasons by the positions of images whose masks have labels of no class."""
        count = count_classes(coding.classes)
        wrong = found.present[:, count:IGNORED]
        reasons = {}
        for place in np.flatnonzero(wrong.any(axis=1)).tolist():
            index = found.rows[place]
            label = count + int(np.flatnonzero(wrong[place])[0])
            others = int(wrong[place].sum()) - 1
            more = f" and {others} more wrong labels" if others else ""
            reasons[index] = (
                f"{self._place(index, label)}{more}, expected 0 to {count - 1}, or {IGNORED} for "
                "pixels of no class"
            )
        return reasons

    def _place(self, index: int, label: int) -> str:
        """The beginning of a sentence about a label of a mask."""
        row, column = np.argwhere(self._values(index).labels == label)[0]
        path = self._mask_path(self._masks[index][""])
        return f"{path}: has label {label} at row {row}, column {column}"

    def _refuse(self, reasons: dict[int, str]) -> None:
        """Raise an error about unusable masks, unless they are to be skipped.

        Raises:
            FormatError: if there are any, and `skip_unreadable` is False.
        """
        if not reasons or self._decoding.skip_unreadable:
            return
        sentences = list(reasons.values())
        if len(sentences) == 1:
            raise FormatError(sentences[0])
        below = f"{self._folders.masks.parent}{os.sep}"
        parts = [each.removeprefix(below) for each in sentences]
        named = listed(parts, NAMES_SHOWN, "; ")
        raise FormatError(f"{self.path}: {len(parts)} masks cannot be used: {named}")
