"""The kind of a file that a reader refuses, and the call that reads it, for the error."""

from __future__ import annotations

import os
import re

from cnnx import _core

_WEIGHTS = (
    "its weights go into a model of the same structure: cnnx.weights.load_into(model, {path!r})"
)
_KERAS = (
    "export it in Keras, model.export('model.onnx', format='onnx'), then: "
    "cnnx.onnx.load('model.onnx')"
)
# Words of the core's error -> what to do.
_CALLS = {
    "this is a PyTorch file": _WEIGHTS,
    "is a safetensors file": _WEIGHTS,
    'dtype "F16"': _WEIGHTS,
    'dtype "BF16"': _WEIGHTS,
    "this is an ONNX model": "convert it: cnnx.onnx.load({path!r})",
    "this is an HDF5 file, as Keras writes it": _KERAS,
    "this is a Keras model": _KERAS,
}


def with_call(sentence: str, path: str) -> str:
    """The sentence of an error, with the call that reads this kind of file if there is one."""
    calls = (call for words, call in _CALLS.items() if words in sentence)
    call = next(calls, None)
    return sentence if call is None else f"{sentence}; {call.format(path=path)}"


_KIND = re.compile(r": (?:this )?(is an? .+?)(?:, expected|, but no cnnx model)")


def refusal_of(path: str, expected: str) -> str | None:
    """Sentence about a file of a known kind other than the expected one.

    Args:
        path: the file.
        expected: what the reader reads, such as "an ONNX model".

    Returns:
        The sentence, or None for a file that cannot be read, of an unknown or the expected kind.
    """
    try:
        _core.Model.load(os.fsencode(path))
    except _core.FormatError as error:
        found = _KIND.search(str(error))
        if found is None or found[1] == f"is {expected}":
            return None
        return with_call(f"{path}: this {found[1]}, expected {expected}", path)
    except OSError:
        return None
    return f"{path}: this is a model of cnnx, expected {expected}; load it: cnnx.load({path!r})"
