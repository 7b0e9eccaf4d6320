"""The official tests of ONNX's backends; those that cnnx refuses are listed with their reasons."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from cpp_build import ROOT
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


def test_the_page_counts_the_cases() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "make_onnx_page.py"))["page"]()
    text = (ROOT / "docs" / "onnx.md").read_text(encoding="utf-8")
    assert text == page, "run docs/make_onnx_page.py"
