"""The official tests of ONNX's backends; those that cnnx refuses are listed with their reasons."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from onnx_backend import official_functions
from refused_onnx_cases import REFUSED

pytestmark = pytest.mark.slow


FUNCTIONS = official_functions()


@pytest.fixture(autouse=True)
def _data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official tests of whole models write files there."""
    monkeypatch.setenv("ONNX_HOME", str(tmp_path))


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in REFUSED])
def test_case_passes(name: str) -> None:
    FUNCTIONS[name](None)


@pytest.mark.parametrize("name", REFUSED)
def test_case_is_refused_for_its_reason(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(REFUSED[name])):
        FUNCTIONS[name](None)
