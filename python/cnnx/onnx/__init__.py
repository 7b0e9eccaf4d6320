"""Exchange of models with other frameworks in the ONNX format."""

__all__: list[str] = []
