"""Paths of pages that have the extension of another format."""

from __future__ import annotations

import cnnx
import numpy as np
import pytest
from cnnx.files.extensions import other_format, page_instead

MODEL = cnnx.models.small((16, 16, 1))


@pytest.mark.parametrize("name", ["r.pdf", "r.PNG", "r.cnnx", "a/r.csv"])
def test_a_page_with_the_extension_of_another_format_is_refused(name: str) -> None:
    own = name[: name.index("r.")] + "r.html"
    sentence = rf"^write: path is '{name}', expected that of an HTML page: '{own}'$"
    with pytest.raises(ValueError, match=sentence):
        cnnx.report.write(name, MODEL, (np.zeros((2, 16, 16, 1), np.uint8), [0, 1]))
    with pytest.raises(ValueError, match=sentence):
        cnnx.playground.write(name, MODEL)


@pytest.mark.parametrize("name", ["r.html", "r.htm", "report", "v1.2"])
def test_other_names_of_pages_are_taken(name: str) -> None:
    assert page_instead(name) is None


def test_extensions_of_other_programs_are_known_in_any_case() -> None:
    assert other_format("a/net.ONNX") == "ONNX"
    assert other_format("net.cnnx") is None
    assert other_format("onnx") is None
