"""The commands and programs of docs/exchange.md run as printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import cnnx
import pytest
from cnnx import cli
from cpp_build import ROOT

PAGE = (ROOT / "docs" / "exchange.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """The text below a heading, up to the next one of its level."""
    found = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cnnx.Model:
    """The model in digits.cnnx, in the current folder."""
    monkeypatch.chdir(tmp_path)
    model = cnnx.models.small((28, 28, 1), list("0123456789"))
    model.save("digits.cnnx")
    return model


def run_commands(heading: str) -> None:
    (commands,) = blocks("sh", section(heading))
    for command in commands.splitlines():
        assert cli.main(shlex.split(command)[1:]) == 0


@pytest.mark.usefixtures("onnx_runtime")
def test_the_file_runs_in_onnx_runtime(model: cnnx.Model) -> None:
    run_commands("To ONNX")
    names: dict[str, object] = {}
    (program,) = blocks("python", section("To ONNX"))
    exec(program, names)
    images, labels = names["images"], names["labels"]
    assert list(labels) == model.predict(images).tolist()  # type: ignore[call-overload]


def test_the_file_comes_back(model: cnnx.Model) -> None:
    pytest.importorskip("onnx")
    run_commands("To ONNX")
    run_commands("From ONNX")
    assert cnnx.load("network.cnnx").classes == model.classes
