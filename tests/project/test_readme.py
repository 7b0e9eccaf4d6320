"""The README's programs run as printed, and no link between the documents is broken."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cpp_build import ROOT, build_consumer, run
from idx_files import write_set

README = (ROOT / "README.md").read_text(encoding="utf-8")
CPP_PAGE = (ROOT / "docs" / "cpp.md").read_text(encoding="utf-8")
CMAKE = """
cmake_minimum_required(VERSION 3.20)
project(documented LANGUAGES CXX)
add_executable(your_program main.cpp)
{lines}
"""
PROGRAM = """
#include <cnnx/cnnx.h>
#include <cstdio>
#include <thread>
{head}
{{
{body}
}}
"""


def blocks(language: str, document: str = README) -> list[str]:
    """The code blocks of this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", document, re.DOTALL | re.MULTILINE)


def build(source: str, cmake_lines: Sequence[str], folder: Path) -> Path:
    """A program of another project, with warnings as errors."""
    project = folder / "project"
    project.mkdir()
    (project / "main.cpp").write_text(source, encoding="utf-8")
    (project / "CMakeLists.txt").write_text(CMAKE.format(lines="\n".join(cmake_lines)))
    return build_consumer(project, folder / "consumer") / "your_program"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the Python program ran on a small replacement for MNIST."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "mnist").mkdir()
    rng = np.random.default_rng(0)
    for name, count in (("train", 200), ("t10k", 30)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        write_set(folder / "mnist", name, images, labels, gz=True)
    (folder / "program.py").write_text(blocks("python")[0], encoding="utf-8")
    output = run([sys.executable, "program.py"], cwd=folder)
    assert re.search(r"^\{'loss': .*, 'accuracy': ", output, re.MULTILINE), output
    return folder


def test_the_python_program_is_twelve_lines_and_leaves_a_model(folder: Path) -> None:
    assert len([line for line in blocks("python")[0].splitlines() if line]) <= 12
    assert cnnx.load(folder / "digits.cnnx").classes == list("0123456789")


def cmake_lines() -> list[str]:
    """The README's lines for CMakeLists.txt."""
    text = " ".join(README.split())
    return re.findall(r"`(find_package\([^`]*|target_link_libraries\([^`]*)`", text)


def test_the_cpp_program_predicts_as_python_does(folder: Path, tmp_path: Path) -> None:
    said = run([build(blocks("cpp")[0], cmake_lines(), tmp_path)], cwd=folder)
    black = np.zeros((28, 28, 1), np.uint8)
    model = cnnx.load(folder / "digits.cnnx")
    assert said == f"{model.predict(black)} ({100 * model.predict_proba(black).max():.0f} %)\n"


def test_the_other_cpp_blocks_compile(tmp_path: Path) -> None:
    functions = [
        PROGRAM.format(
            head=f"void f{i}(const uint8_t* pixels, const int64_t* labels, int64_t count);\n"
            f"void f{i}(const uint8_t* pixels, const int64_t* labels, int64_t count)",
            body=block,
        )
        for i, block in enumerate(blocks("cpp")[1:])
    ]
    assert functions
    build("".join(functions) + "int main() {}\n", cmake_lines(), tmp_path)


def test_the_page_on_cpp_is_one_program(tmp_path: Path) -> None:
    source = PROGRAM.format(head="int main()", body="".join(blocks("cpp", CPP_PAGE)))
    program = build(source, blocks("cmake", CPP_PAGE), tmp_path)
    said = run([program], cwd=tmp_path).splitlines()
    assert said[0].startswith("epoch 1: loss ")
    assert re.fullmatch(r"[XO], number [01]: \d\.\d{3}", said[3]), said
    assert said[-2] == "256 predictions, 512 outputs"
    comment = re.search(r"// (layer edges: .*)", CPP_PAGE)
    assert comment is not None
    assert said[-1] == comment[1]


@pytest.mark.parametrize(
    "document", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda path: path.name
)
def test_links_lead_somewhere(document: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", prose)
    broken = [
        target
        for target in targets
        if not target.startswith("https://") and not (document.parent / target).exists()
    ]
    assert broken == []
