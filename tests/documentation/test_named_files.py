"""Source files and parts of the package that the documentation names exist."""

from __future__ import annotations

import re

import cnnx
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


# Keys of a file's metadata begin in the same way, and a page quotes a name that does not exist.
NO_NAMES = {
    "docs/file-format.md": r"cnnx\..*",
    "docs/exchange.md": r"cnnx\.(classes|probabilities|heads)",
}
NO_NAMES["docs/networks.md"] = r"cnnx\.Linear"


@pytest.mark.parametrize("page", pages())
def test_named_parts_of_the_package_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    names = set(re.findall(r"`(cnnx(?:\.[A-Za-z_]\w*)+)", text))
    excused = re.compile(NO_NAMES.get(page, r"\Z.")).fullmatch
    assert [name for name in names if not exists(name) and not excused(name)] == []


def exists(name: str) -> bool:
    """Whether a dotted name leads to an object of the package."""
    found: object = cnnx
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
    return found is not None
