"""Inputs and outputs of the ONNX file that a model came from, with which it is saved again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from cnnx import _core

FILE_FORM = "onnx.form"  # name of the text in the model's metadata


@dataclass(frozen=True)
class InputForm:
    """An input of an ONNX file.

    Attributes:
        name: its name.
        dtype: name of NumPy's dtype.
        order: label of each axis, "N" the batch, "H", "W" and "C".
        batch: number of images, or the name of a number that is free.
        divisor: number by which the file divides before the model's mean and std; None if it begins
            after the preprocessing.
    """

    name: str = "images"
    dtype: str = "uint8"
    order: str = "NHWC"
    batch: int | str = "batch"
    divisor: int | None = 255


@dataclass(frozen=True)
class OutputForm:
    """An output of an ONNX file.

    Attributes:
        name: its name.
        dtype: name of NumPy's dtype.
        order: labels of the axes of an image behind the batch, "1" for one of size 1; empty for
            features.
        shape: shape of one image's output of features, if that is not theirs.
        batch: as that of an input.
        probabilities: whether the file computes the softmax or sigmoid of `Model.predict_proba`.
    """

    name: str
    dtype: str = "float32"
    order: str = ""
    shape: tuple[int, ...] | None = None
    batch: int | str = "batch"
    probabilities: bool = True


@dataclass(frozen=True)
class FileForm:
    """Inputs and outputs of an ONNX file.

    Attributes:
        inputs: its inputs; empty for those of a file of cnnx.
        outputs: its outputs, without the names of classes; empty for those of a file of cnnx.
        labels: whether another output has these.
    """

    inputs: tuple[InputForm, ...]
    outputs: tuple[OutputForm, ...]
    labels: bool

    def text(self) -> str:
        """The form as a text of a model's metadata."""
        return json.dumps(asdict(self))


def file_form(metadata: Mapping[str, str]) -> FileForm | None:
    """The form in the metadata of a model that came from an ONNX file.

    Raises:
        FormatError: if the text is malformed.
    """
    text = metadata.get(FILE_FORM)
    if text is None:
        return None
    try:
        value = json.loads(text)
        inputs = tuple(_checked(InputForm(**each)) for each in value["inputs"])
        outputs = tuple(_checked(OutputForm(**each)) for each in value["outputs"])
        return FileForm(inputs, outputs, bool(value["labels"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _core.FormatError(f"its {FILE_FORM} is {text[:80]!r}") from None


def _checked(form: Any) -> Any:
    """The form of one array.

    Raises:
        ValueError: if a value in it cannot be.
    """
    letters = set(form.order)
    texts = (form.name, form.dtype, form.order)
    repeats = len(letters - {"1"}) < len(form.order.replace("1", ""))
    if not all(isinstance(each, str) for each in texts) or repeats or letters - set("NHWC1"):
        raise ValueError
    if np.dtype(form.dtype).kind not in "biuf" or not isinstance(form.batch, (int, str)):
        raise ValueError
    if isinstance(form, InputForm):
        if form.divisor not in (None, 1, 255) or form.order[:1] != "N":
            raise ValueError
        return form
    return form if form.shape is None else replace(form, shape=tuple(map(int, form.shape)))


def is_imported(core: _core.Model) -> bool:
    """Whether a model comes from a foreign file, which does not say the range of its inputs."""
    form = file_form(core.metadata)
    return form is not None and any(each.divisor == 1 for each in form.inputs)


def shapes_in_file(core: _core.Model) -> dict[str, tuple[int, ...]]:
    """Shapes of the outputs that are images in the core and have two axes in the file, by name.

    The name of an only output is empty.
    """
    form = file_form(core.metadata)
    if form is None:
        return {}
    own = {name: shape for name, shape, *_ in core.heads} or {"": core.output_shape}
    pairs = [(each.name if core.heads else "", each) for each in form.outputs]
    return {
        name: each.shape
        for name, each in pairs
        if each.shape is not None
        and len(each.shape) == 2
        and len(own.get(name, ())) == 3
        and own[name][2] == each.shape[1]
        and math.prod(own[name]) == math.prod(each.shape)
    }
