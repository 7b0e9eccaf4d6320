"""The call that reads a file of another library, for an error of `cnnx.load`."""

from __future__ import annotations

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
    "is a safetensors file, but no cnnx model": _WEIGHTS,
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
