"""The package onnx, imported on first use, so that only the importer needs it."""

from __future__ import annotations

import importlib
from typing import Any


def onnx_module(name: str = "onnx") -> Any:
    """A module of the package onnx.

    Raises:
        ImportError: if the package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            "reading ONNX files needs the package onnx: run pip install 'cnnx[onnx]'"
        ) from error
