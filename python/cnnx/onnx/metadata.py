"""Texts beside the graph of an ONNX file: class names, and the preprocessing that cnnx exported."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from cnnx._core import FormatError
from cnnx.advice import warn
from cnnx.arguments import shown
from cnnx.model.compute_dtype import COMPUTE_DTYPES
from cnnx.model.file_form import FILE_FORM
from cnnx.preprocessing import Preprocessing

_MOST_CHARACTERS = 1 << 22
_PROBABILITIES = ("softmax", "sigmoid", "outputs", "none")


def class_names(metadata: Mapping[str, str], outputs: int) -> list[str] | None:
    """Class names from the metadata; None if there are none for this number of outputs.

    cnnx writes a JSON list, Ultralytics a Python dict of index and name, others a list or lines.
    """
    for key in ("cnnx.classes", "names", "classes", "labels"):
        if key not in metadata:
            continue
        names = _names(metadata[key])
        if names is None:
            continue
        if len(names) in (outputs, max(2, outputs)) and len(set(names)) == len(names):
            return names
        warn(
            f"load: the metadata name {len(names)} classes for {outputs} outputs, expected "
            "different names, one per output; the model has none: give them, classes=[...]"
        )
        return None
    return None


def _names(text: str) -> list[str] | None:
    """Names in any of the forms; None for an empty list or another form."""
    if len(text) > _MOST_CHARACTERS:
        return None
    value = _parsed(text)
    if isinstance(value, dict):
        try:
            items = sorted((int(index), name) for index, name in value.items())
        except (TypeError, ValueError):
            return None
        if [index for index, _ in items] != list(range(len(items))):
            return None
        value = [name for _, name in items]
    if value is None:
        value = [each.strip() for each in re.split(r"[\n,]", text) if each.strip()]
    if not isinstance(value, (list, tuple)) or not value:
        return None
    return [each if isinstance(each, str) else str(each) for each in value]


def _parsed(text: str) -> Any:
    """The value of a text in JSON or as Python writes it; None if it is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return None


def exported_preprocessing(metadata: Mapping[str, str]) -> Preprocessing | None:
    """Preprocessing that cnnx wrote beside the graph; None in other files.

    Raises:
        FormatError: if the text is malformed.
    """
    text = metadata.get("cnnx.preprocessing")
    if text is None:
        return None
    try:
        value = json.loads(text)
        return Preprocessing(value["resize"], _numbers(value["mean"]), _numbers(value["std"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise FormatError(f"its cnnx.preprocessing is {shown(text)}") from None


def exported_probabilities(metadata: Mapping[str, str]) -> str | None:
    """How cnnx turns the outputs into probabilities: "softmax", "sigmoid", "outputs" or "none".

    None in files that cnnx did not write.

    Raises:
        FormatError: if the text is malformed.
    """
    text = metadata.get("cnnx.probabilities")
    if text is None:
        return None
    value = _parsed(text)
    if value not in _PROBABILITIES:
        raise FormatError(f"its cnnx.probabilities is {shown(text)}")
    return str(value)


def exported_heads(metadata: Mapping[str, str]) -> dict[str, str]:
    """The outputs of a model with several, each with its kind of probabilities; else none.

    Raises:
        FormatError: if the text is malformed.
    """
    text = metadata.get("cnnx.heads", "{}")
    value = _parsed(text)
    if not isinstance(value, dict) or not all(kind in _PROBABILITIES for kind in value.values()):
        raise FormatError(f"its cnnx.heads is {shown(text)}")
    return {str(name): str(kind) for name, kind in value.items()}


def exported_temperature(metadata: Mapping[str, str]) -> float:
    """Number by which cnnx's graph divides the outputs before their softmax or sigmoid.

    1 in files that cnnx did not write.

    Raises:
        FormatError: if the text is malformed.
    """
    text = metadata.get("cnnx.temperature", "1")
    value = _parsed(text)
    if not isinstance(value, (int, float)) or not 0 < value < float(np.finfo(np.float32).max):
        raise FormatError(f"its cnnx.temperature is {shown(text)}")
    return float(value)


def exported_texts(metadata: Mapping[str, str]) -> dict[str, str]:
    """The user's own texts, `Model.metadata`; none in files that cnnx did not write."""
    if "cnnx.preprocessing" not in metadata:
        return {}
    own = {name: text for name, text in metadata.items() if not name.startswith("cnnx.")}
    for name in ("names", FILE_FORM):  # of which `names` is written from the classes
        own.pop(name, None)
    return own


def exported_compute_dtype(metadata: Mapping[str, str]) -> str:
    """What cnnx computes the model with, which no other program reads.

    "float32" in files that cnnx did not write.

    Raises:
        FormatError: if the text is malformed.
    """
    text = metadata.get("cnnx.compute_dtype", '"float32"')
    value = _parsed(text)
    if value not in COMPUTE_DTYPES:
        raise FormatError(f"its cnnx.compute_dtype is {shown(text)}")
    return str(value)


def _numbers(value: Any) -> float | tuple[float, ...]:
    """One number, or one per channel."""
    numbers = tuple(float(each) for each in value) if isinstance(value, list) else (float(value),)
    return numbers[0] if len(numbers) == 1 else numbers
