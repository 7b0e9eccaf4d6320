"""Exchange of models with other frameworks in the ONNX format."""

from cnnx.onnx.save import save

__all__ = ["save"]
