"""Source files that the documentation names exist."""

from __future__ import annotations

import re

import pytest
from cpp_build import ROOT
from document_blocks import pages

# Folders from which pages name files.
BASES = ("", "cpp/src", "cpp", "python/cnnx", "docs")
FOLDERS = (
    *("benchmarks", "bindings", "c_api", "cmake", "cpp", "data", "docs", "evaluation", "examples"),
    *("graph", "include", "io", "kernels", "onnx", "ops", "python", "runtime", "tests", "training"),
)
NAMED = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+\.(?:c|cpp|h|py|md|sh))`")


@pytest.mark.parametrize("page", pages())
def test_named_files_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    missing = [
        name
        for name in NAMED.findall(text)
        if not any((ROOT / base / name).exists() for base in BASES)
    ]
    assert missing == []
