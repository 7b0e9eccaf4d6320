"""Fixtures of the tests of ONNX files."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def onnx_runtime() -> None:
    """Skip without the packages that check and run the files."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
