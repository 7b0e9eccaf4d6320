"""Labelled images in every form that `Trainer.fit` and `Trainer.evaluate` accept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cnnx.advice import warn
from cnnx.arguments import listed, path_of, shown
from cnnx.data.dataset import Dataset, ImageSet, Labels, Masks, are_masks, check_classes
from cnnx.data.decoding import Decoding
from cnnx.data.image_files import EXTENSIONS
from cnnx.data.image_like import holds_images
from cnnx.data.source import Source, open_source
from cnnx.distributed.communicator import Communicator
from cnnx.model.model import Model
from cnnx.training.metric_sums import Batch, batch_of
from cnnx.wording import counted

_FORMS = "a Dataset, a path or an iterable of batches (x, y)"


class LabelledSet(NamedTuple):
    """Images with labels in memory, or an iterable of batches.

    Attributes:
        x: images; batches (x, y) or (x, y, sample_weight) if y is None.
        y: labels or targets.
        sample_weight: weights of the images, or None.
        names: names of the image files, or empty.
    """

    x: Any
    y: ArrayLike | None
    sample_weight: ArrayLike | None = None
    names: Sequence[str] = ()

    def name(self, row: int) -> str:
        """Name of an image: of its file, or its number."""
        return self.names[row] if self.names else f"image {row}"


def training_images(
    x: Any,
    y: ArrayLike | None,
    sample_weight: ArrayLike | None,
    model: Model,
    *,
    validates: bool = False,
    communicator: Communicator | None = None,
    caller: str = "fit",
) -> tuple[LabelledSet, LabelledSet | None]:
    """Images of a fit, and the validation set that a Dataset or path has besides.

    Args:
        x: images, or images with labels in one of the accepted forms.
        y: labels or targets, or None.
        sample_weight: weights of the images, or None.
        model: model to train.
        validates: whether to load the validation set.
        communicator: processes that train with the same images, or None.
        caller: named in errors.

    Raises:
        TypeError: if x and y are in none of the accepted forms.
        ValueError: if a Dataset or path has other classes than the model, or y is given with it, or
            sample_weight with a form that has weights of its own.
        OSError: if a path cannot be read.
    """
    found = _opened(x, y, model, caller, communicator)
    if found is None:
        return _plain(x, y, sample_weight, caller), None
    own = found.validation if validates else None
    images = _loaded(_images_of(found), model, caller)
    return (
        images._replace(sample_weight=sample_weight),
        None if own is None else _loaded(own, model, "fit: validation"),
    )


def fraction_of(validation: Any) -> Any:
    """The `validation` of a fit if it is a fraction, else None."""
    is_fraction = isinstance(validation, Real) and not isinstance(validation, bool)
    return validation if is_fraction else None


def validation_images(
    given: Any, model: Model, communicator: Communicator | None = None
) -> LabelledSet | None:
    """Images of the `validation` of a fit; None for a fraction or None.

    Raises:
        TypeError: if it is in none of the accepted forms.
        ValueError: if a Dataset or path has other classes than the model, or has a test set but no
            validation set.
        OSError: if a path cannot be read.
    """
    if given is None or fraction_of(given) is not None:
        return None
    found = _opened(given, None, model, "fit: validation", communicator)
    if found is None:
        if not _has_arrays(given) and not _has_batches(given):
            raise TypeError(
                f"fit: validation is {shown(given)}, expected (x, y), (x, y, sample_weight), a "
                f"fraction of the images, {_FORMS}"
            )
        return _plain(given, None, None, "fit: validation")
    if found.validation is None and found.test is not None:
        raise ValueError(
            "fit: validation has a test set but no validation set, expected the set to measure, "
            f"such as validation={_test_of(given)}, or a fraction, such as validation=0.1"
        )
    return _loaded(_first(found.validation, _images_of(found)), model, "fit: validation")


def calibration_images(x: Any, y: ArrayLike | None, model: Model, caller: str) -> LabelledSet:
    """Images of `calibrate`; of a Dataset or path the validation set, else images.

    `caller` is named in errors.

    Raises:
        TypeError: if they are in none of the accepted forms.
        ValueError: as `validation_images`.
        OSError: if a path cannot be read.
    """
    found = _opened(x, y, model, caller)
    if found is None:
        return _plain(x, y, None, caller)
    if found.validation is None and found.test is not None:
        raise ValueError(
            f"{caller}: x has a test set but no validation set, expected held-out images that no "
            f"accuracy is measured on; {_test_of(x)} is possible, too"
        )
    return _loaded(_first(found.validation, _images_of(found)), model, caller)


def _test_of(given: Any) -> str:
    """Expression of the test set of a Dataset or path."""
    is_path = not isinstance(given, Dataset)
    return f"cnnx.data.load({os.fspath(given)!r}).test" if is_path else "data.test"


def measured_images(
    x: Any,
    y: ArrayLike | None,
    sample_weight: ArrayLike | None,
    model: Model,
    caller: str,
    communicator: Communicator | None = None,
) -> LabelledSet:
    """Images of `evaluate`; of a Dataset or path the test set, else validation set, else images.

    `caller` is named in errors.

    Raises:
        TypeError: if they are in none of the accepted forms.
        ValueError: as `training_images`.
        OSError: if a path cannot be read.
    """
    images = measured_set(x, y, model, caller, communicator)
    if images is None:
        return _plain(x, y, sample_weight, caller)
    return _loaded(images, model, caller)._replace(sample_weight=sample_weight)


def measured_set(
    x: Any,
    y: ArrayLike | None,
    model: Model,
    caller: str,
    communicator: Communicator | None = None,
) -> ImageSet | Dataset | None:
    """The set of `measured_images` before it is loaded, or None for images in another form."""
    found = _opened(x, y, model, caller, communicator)
    return None if found is None else _first(found.test, found.validation, _images_of(found))


def refuse_iterator(batches: object, epochs: int, argument: str) -> None:
    """Refuse an iterator, which can be used once, for several epochs.

    Raises:
        ValueError: if `batches` is one, and there are several epochs.
    """
    if epochs > 1 and isinstance(batches, Iterator):
        raise ValueError(
            f"fit: {argument} is an iterator, which can be used once, but epochs is {epochs}: pass "
            "an iterable such as a list or a DataLoader"
        )


def _opened(
    given: Any,
    y: ArrayLike | None,
    model: Model,
    caller: str,
    communicator: Communicator | None = None,
) -> Source | Dataset | None:
    """Sets of a path or a Dataset; None for images in another form."""
    if not isinstance(given, (str, os.PathLike, Dataset)):
        return None
    what = "a Dataset" if isinstance(given, Dataset) else repr(os.fspath(given))
    if model.inputs:
        raise TypeError(
            f"{caller}: x is {what}, expected a dict of arrays, because the model has the inputs "
            f"{', '.join(model.inputs)}"
        )
    if y is not None:
        if not isinstance(given, Dataset) and Path(given).suffix.lower() in EXTENSIONS:
            return None  # one image file with its label
        raise ValueError(f"{caller}: y is {shown(y)}, expected none with {what}, which has labels")
    if isinstance(given, Dataset):
        return given
    names = model.classes
    path = path_of(given, caller, "x")
    if not path:
        raise ValueError(f"{caller}: x is '', expected a path")
    classes = None if names is None else tuple(names)
    return open_source(path, classes, Decoding(communicator=communicator))


def _images_of(found: Source | Dataset) -> ImageSet | Dataset:
    return found.train if isinstance(found, Source) else found


def _first(*sets: ImageSet | Dataset | None) -> ImageSet | Dataset:
    return next(each for each in sets if each is not None)


def _loaded(images: ImageSet | Dataset, model: Model, caller: str) -> LabelledSet:
    if not isinstance(images, Dataset):
        images = images.load(model.input_shape, model.preprocessing.resize)
    check_classes(images, model.classes, caller)
    _check_outputs(images, model, caller)
    return LabelledSet(images.x, _labels_of_outputs(images.y, model), names=images.names)


def _check_outputs(images: Dataset, model: Model, caller: str) -> None:
    """Compare the named classes of a set with the outputs of a model without class names.

    Raises:
        ValueError: if there are more classes than outputs. Fewer draw a warning.
    """
    names, outputs = images.classes, model.output_shape[-1]
    if model.classes is not None or isinstance(names, int) or model.task == "multi_output":
        return
    known = max(2, outputs)  # a single output stands for two classes
    if len(names) == known:
        return
    sentence = (
        f"{caller}: the data set has the classes {listed(names)}, but the model has "
        f"{counted(outputs, 'output')}, expected one for each class: "
        f"model.with_classes({shown(list(names))})"
    )
    if len(names) > known:
        raise ValueError(sentence)
    warn(sentence)


def _labels_of_outputs(y: Labels | Masks, model: Model) -> Labels | Masks:
    """Masks of a network with fewer outputs than pixels: the nearest label of each output."""
    shape = model.output_shape
    if not are_masks(y) or len(shape) != 3 or any(np.mod(y.shape[1:], shape[:2])):
        return y
    down, right = (pixels // count for pixels, count in zip(y.shape[1:], shape, strict=False))
    return y[:, down // 2 :: down, right // 2 :: right]


def _plain(
    x: Any, y: ArrayLike | None, sample_weight: ArrayLike | None, caller: str
) -> LabelledSet:
    if y is not None:
        return LabelledSet(x, y, sample_weight)
    if _has_arrays(x) and len(x) == 2:
        return LabelledSet(x[0], x[1], sample_weight)
    if _has_arrays(x):
        form = "(x, y, sample_weight)"
    elif _has_batches(x):
        form = "an iterable of batches, which are (x, y, sample_weight)"
    else:
        raise TypeError(f"{caller}: x is {shown(x)} without y, expected labels too, {_FORMS}")
    if sample_weight is not None:
        raise ValueError(
            f"{caller}: sample_weight is {shown(sample_weight)}, expected none with {form}"
        )
    return LabelledSet(x[0], x[1], x[2]) if _has_arrays(x) else LabelledSet(x, None)


def _has_arrays(given: Any) -> bool:
    """Whether it is (x, y) or (x, y, sample_weight), and not two or three batches."""
    if not _has_batch_length(given) or all(_is_batch(each) for each in given):
        return False
    return len(given) == 2 or isinstance(given, tuple)  # a list of three holds batches


def _has_batches(given: Any) -> bool:
    """Whether it may be an iterable of batches."""
    if isinstance(given, tuple):
        return all(_is_batch(each) for each in given)
    return isinstance(given, Iterable) and not isinstance(given, (np.ndarray, bytes, Mapping))


def _is_batch(given: Any) -> bool:
    """Whether it has arrays or files; a list of labels has neither in its first place."""
    if not _has_batch_length(given):
        return False
    first = given[0]
    return isinstance(first, Mapping) or getattr(first, "ndim", 0) >= 2 or holds_images(first)


def _has_batch_length(given: Any) -> bool:
    return isinstance(given, (tuple, list)) and len(given) in (2, 3)


def batches_of(found: LabelledSet, function: str) -> Iterator[Batch]:
    """The images as batches, one if they are in arrays.

    Raises:
        TypeError: if a batch is neither (x, y) nor (x, y, sample_weight).
    """
    if found.y is not None:
        yield Batch(found.x, found.y, found.sample_weight)
        return
    for each in found.x:
        yield batch_of(each, function)


def unweighted_batches_of(found: LabelledSet, function: str) -> Iterator[Batch]:
    """`batches_of` without weights, for measures in which every image counts once.

    Raises:
        TypeError: as `batches_of`.
        ValueError: if there are weights.
    """
    for batch in batches_of(found, function):
        if batch.sample_weight is not None:
            what = "a batch" if found.y is None else "x"
            raise ValueError(
                f"{function}: {what} has sample_weight, expected (x, y): every image counts once"
            )
        yield batch
