"""The README's programs run as they are printed, and no link between the documents is broken."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import cnnx
import numpy as np
import pytest
from cpp_build import ROOT, cmake, configure, run
from idx_files import write_set

README = (ROOT / "README.md").read_text(encoding="utf-8")
CMAKE = """
cmake_minimum_required(VERSION 3.20)
project(readme LANGUAGES CXX)
{lines}
add_executable(your_program main.cpp)
{link}
"""


def block(language: str) -> str:
    """The only code block of this language."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 1, language
    return str(blocks[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the Python program has run, on a small stand-in for MNIST, and left its model."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "mnist").mkdir()
    rng = np.random.default_rng(0)
    for name, count in (("train", 200), ("t10k", 30)):
        pictures = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 10
        write_set(folder / "mnist", name, pictures, labels, gz=True)
    (folder / "program.py").write_text(block("python"), encoding="utf-8")
    output = run([sys.executable, "program.py"], cwd=folder)
    assert re.search(r"^\{'loss': .*, 'accuracy': ", output, re.MULTILINE), output
    return folder


def test_the_python_program_is_twelve_lines_and_leaves_a_model(folder: Path) -> None:
    assert len([line for line in block("python").splitlines() if line]) <= 12
    assert cnnx.load(folder / "digits.cnnx").classes == list("0123456789")


def test_the_cpp_program_answers_as_python_does(folder: Path) -> None:
    source = folder / "source"
    source.mkdir()
    (source / "main.cpp").write_text(block("cpp"), encoding="utf-8")
    text = " ".join(README.split())
    lines = re.findall(r"`(find_package\([^`]*|target_link_libraries\([^`]*)`", text)
    (source / "CMakeLists.txt").write_text(CMAKE.format(lines=lines[0], link=lines[1]))
    place = subprocess.run(
        [sys.executable, "-m", "cnnx", "--cmake-dir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    configure(source, folder / "build", f"-Dcnnx_DIR={place}")
    run([cmake(), "--build", folder / "build"])
    said = run([folder / "build" / "your_program"], cwd=folder)
    black = np.zeros((28, 28, 1), np.uint8)
    model = cnnx.load(folder / "digits.cnnx")
    assert said == f"{model.predict(black)} ({100 * model.predict_proba(black).max():.0f} %)\n"


@pytest.mark.parametrize(
    "document", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda path: path.name
)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
    broken = [
        target
        for target in targets
        if not target.startswith("https://") and not (document.parent / target).exists()
    ]
    assert broken == []
