"""A program that `cmake --install` installed finds the cnnx of the Python package."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import cnnx
import pytest
from cpp_build import cmake, configure, installed_cmake_folder, run
from document_cpp import write_project

CONSUMER = Path(__file__).parent / "consumer"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "xo.cnnx"
    cnnx.models.small((32, 32, 1), ["X", "O"]).save(path)
    return path


def build_and_install(project: Path, folder: Path, *definitions: str) -> Path:
    """The prefix into which the project, built against the installed package, is installed."""
    configure(project, folder / "build", f"-Dcnnx_DIR={installed_cmake_folder()}", *definitions)
    run([cmake(), "--build", folder / "build"])
    run([cmake(), "--install", folder / "build", "--prefix", folder / "installed"])
    return folder / "installed"


def test_the_lines_of_the_page_install_cnnx_beside_a_program(model: Path, tmp_path: Path) -> None:
    source = (CONSUMER / "main.cpp").read_text(encoding="utf-8")
    write_project(tmp_path / "source", "docs/cpp.md", source)
    build_and_install(tmp_path / "source", tmp_path)
    shutil.rmtree(tmp_path / "build")
    moved = (tmp_path / "installed").rename(tmp_path / "moved")
    program = moved / "bin" / "your_program"
    assert len(run([program, model, "3", "1"]).splitlines()) == 3
    (moved / "lib" / "libcnnx.so").unlink()
    assert_not_found(program)


def test_a_program_keeps_the_folder_of_cnnx_on_request(model: Path, tmp_path: Path) -> None:
    program = build_and_install(CONSUMER, tmp_path) / "bin" / "consumer"
    assert_not_found(program)
    build_and_install(CONSUMER, tmp_path, "-DCMAKE_INSTALL_RPATH_USE_LINK_PATH=ON")
    assert len(run([program, model, "3", "1"]).splitlines()) == 3


def assert_not_found(program: Path) -> None:
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "libcnnx" in done.stderr
