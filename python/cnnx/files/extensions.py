"""Extensions of file names that promise another format than that of cnnx."""

from __future__ import annotations

from pathlib import PurePath

_FORMATS = {
    ".csv": "a table",
    ".h5": "Keras",
    ".hdf5": "Keras",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".joblib": "joblib",
    ".json": "JSON",
    ".keras": "Keras",
    ".mlmodel": "Core ML",
    ".npz": "NumPy",
    ".onnx": "ONNX",
    ".pb": "TensorFlow",
    ".pdf": "PDF",
    ".pickle": "pickle",
    ".pkl": "pickle",
    ".png": "PNG",
    ".pt": "PyTorch",
    ".pth": "PyTorch",
    ".svg": "SVG",
    ".tflite": "TensorFlow Lite",
    ".txt": "a text",
}


def other_format(path: str) -> str | None:
    """Format of the files with this extension, if other programs would expect to read one."""
    return _FORMATS.get(PurePath(path).suffix.lower())


def page_instead(path: str) -> str | None:
    """Path of a page for one that has the extension of another format, or is that of a model."""
    is_other = other_format(path) is not None or PurePath(path).suffix.lower() == ".cnnx"
    return str(PurePath(path).with_suffix(".html")) if is_other else None


def refuse_unless_page(path: str, argument: str) -> None:
    """Refuse the path of a page with such an extension.

    Raises:
        ValueError: if `page_instead` has another one; it begins with the argument.
    """
    if own := page_instead(path):
        raise ValueError(f"{argument} is {path!r}, expected that of an HTML page: {own!r}")
