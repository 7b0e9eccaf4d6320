"""The page on errors: its sessions run as printed, and its types are those of the interfaces."""

from __future__ import annotations

import builtins
import doctest
import re
import warnings
from pathlib import Path

import cnnx
import pytest
from document_blocks import ROOT, blocks_of

PAGE = "docs/errors.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
HEADERS = ROOT / "cpp" / "include" / "cnnx"


def test_every_session_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session = "".join(block.text for block in blocks_of(PAGE) if block.language == "pycon")
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    test = doctest.DocTestParser().get_doctest(session, {}, PAGE, PAGE, 0)
    report: list[str] = []
    with warnings.catch_warnings():  # the session sets a filter
        failures, attempts = doctest.DocTestRunner(optionflags=flags).run(test, out=report.append)
    assert failures == 0, "".join(report)
    assert attempts > 30


def test_the_page_has_at_least_twenty_sentences() -> None:
    sentences = re.findall(r"^Traceback.*\n[\w.]+: (.*)$", TEXT, re.MULTILINE)
    assert len(set(sentences)) == len(sentences) >= 20


def cells(table: int, column: int) -> set[str]:
    """Names in backticks of a column of one of the page's tables."""
    tables = re.findall(r"^\|[-|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    rows = [line.split("|") for line in tables[table].splitlines()]
    return {name for row in rows for name in re.findall(r"`([\w.:]+)`", row[column])}


def test_the_types_of_python_exist_with_their_bases() -> None:
    assert cells(1, 1) < cells(0, 1)
    for name in cells(0, 1):
        own = name.removeprefix("cnnx.").split(".")
        found: object = cnnx if name.startswith("cnnx.") else builtins
        for part in own:
            found = getattr(found, part)
        assert isinstance(found, type)
        assert issubclass(found, Warning if name == "cnnx.Warning" else Exception)
    assert issubclass(cnnx.FormatError, ValueError)
    assert issubclass(cnnx.onnx.UnsupportedError, ValueError)


def test_the_types_of_cpp_and_c_are_those_of_the_headers() -> None:
    described = (HEADERS / "error.h").read_text(encoding="utf-8")
    declared = set(re.findall(r"std::(?:invalid_argument|system_error|bad_alloc)", described))
    own = {f"cnnx::{name}" for name in re.findall(r"class CNNX_API (\w+)", described)}
    assert cells(1, 2) == declared | own
    statuses = re.findall(
        r"(CNNX_\w+) = [1-9]",
        (HEADERS / "c_api.h").read_text(encoding="utf-8").partition("CNNX_UINT8")[0],
    )
    assert cells(1, 3) == set(statuses)
