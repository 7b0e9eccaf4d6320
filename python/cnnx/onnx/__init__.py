"""Exchange of models with other frameworks in the ONNX format."""

from cnnx.onnx.load import load
from cnnx.onnx.refusal import Refusal, UnsupportedError
from cnnx.onnx.save import save

__all__ = ["Refusal", "UnsupportedError", "load", "save"]
