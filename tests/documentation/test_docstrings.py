"""Every example in the package's docstrings prints what it shows."""

from __future__ import annotations

import json

import docstring_examples
import pytest
from beside import Beside
from docstring_examples import MODULES, examples_of, needed_package
from python_process import run_python


def failures_by_module(beside: Beside) -> dict[str, str]:
    """In one process for all modules, because most examples take less time than starting one."""
    printed = run_python(docstring_examples.__file__, timeout=900, OPENBLAS_NUM_THREADS="1")
    found: dict[str, str] = json.loads(printed)
    return found


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.beside(call=failures_by_module)
def test_examples_in_docstrings(name: str, beside: Beside) -> None:
    package = needed_package(name)
    if package is not None:
        pytest.importorskip(package)
    failures = beside.result(failures_by_module)[name]
    assert failures == "", failures


def test_there_are_examples() -> None:
    """A finder that finds nothing would let every module pass."""
    for name in (
        "cnnx",
        "cnnx.layers.convolution",
        "cnnx.model.model",
        "cnnx.training.trainer",
        "cnnx.ops.activations",
        "cnnx.models.plain",  # decorated functions
    ):
        assert any(test.examples for test in examples_of(name)), name
