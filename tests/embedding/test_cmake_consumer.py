"""A C++ project outside the tree uses the installed package, loads a model and predicts as Python
does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cnnx
import pytest
from cnnx import _core
from cpp_build import build_consumer, configure, installed_cmake_folder, needs_a_compiler, run

COUNT, SEED = 40, 77


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x, y = cnnx.data.xo(512, seed=1)
    model = cnnx.models.small((32, 32, 1), ["X", "O"])
    cnnx.Trainer(model).fit(x, y, epochs=2)
    path = tmp_path_factory.mktemp("model") / "xo.cnnx"
    model.save(path)
    return path


@pytest.fixture(scope="module", params=["consumer", "consumer_without_exceptions"])
def consumer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a consumer project."""
    project = Path(__file__).parent / request.param
    return build_consumer(project, tmp_path_factory.mktemp(request.param)) / request.param


def test_the_program_prints_what_python_prints(consumer: Path, model_path: Path) -> None:
    lines = run([consumer, model_path, str(COUNT), str(SEED)]).splitlines()
    model = cnnx.load(model_path)
    images, _ = cnnx.data.xo(COUNT, seed=SEED)
    expected = list(zip(model.predict(images), model.predict_proba(images), strict=True))
    assert {label for label, _ in expected} == {"X", "O"}, "too easy to be a test"
    assert len(lines) == COUNT
    for line, (label, probabilities) in zip(lines, expected, strict=True):
        said, probability = line.split()
        assert said == label
        assert float.fromhex(probability) == probabilities.max()


def test_the_program_reports_the_fault_of_a_file(consumer: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.cnnx"
    wrong.write_text("no model at all")
    for path, beginning in ((wrong, "not a model: "), (tmp_path / "none.cnnx", "cannot read ")):
        completed = subprocess.run(
            [consumer, path, "1", "1"], capture_output=True, text=True, check=False
        )
        assert completed.returncode == 1
        assert completed.stderr.startswith(beginning), completed.stderr
        assert path.name in completed.stderr


def test_it_is_found_beside_other_packages(tmp_path: Path) -> None:
    """CMake searches the prefix, without an explicit folder."""
    source = Path(__file__).parent / "consumer"
    prefix = installed_cmake_folder().parents[2]
    assert prefix == Path(_core.__file__).parent
    output = configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    assert "-- Configuring done" in output


def test_asking_for_the_folder_imports_neither_numpy_nor_the_extension() -> None:
    code = (
        "import runpy, sys; sys.argv = ['cnnx', '--cmake-dir']\n"
        "try: runpy.run_module('cnnx', run_name='__main__')\n"
        "except SystemExit as end: code = end.code\n"
        "assert not {'numpy', 'cnnx._core'} & set(sys.modules), sorted(sys.modules)\n"
        "raise SystemExit(code)"
    )
    folder = Path(run([sys.executable, "-c", code]).strip())
    assert {"cnnxConfig.cmake", "cnnxConfigVersion.cmake"} <= {
        path.name for path in folder.iterdir()
    }
    assert (folder.parents[2] / "include" / "cnnx" / "cnnx.h").is_file()


@pytest.mark.slow
def test_every_public_header_compiles_on_its_own(tmp_path: Path) -> None:
    needs_a_compiler()
    include = Path(_core.__file__).parent / "include"
    headers = sorted(path.relative_to(include).as_posix() for path in include.rglob("*.h"))
    assert "cnnx/model.h" in headers
    compiler = os.environ.get("CXX", "").split()[:1] or [shutil.which("c++") or "g++"]
    flags = ["-std=c++17", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]

    def compiles(header: str) -> str:
        source = tmp_path / f"{Path(header).stem}.cpp"
        source.write_text(f'#include "{header}"\n#include "{header}"\nint main() {{}}\n')
        return run([*compiler, *flags, "-I", include, source])

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        assert set(threads.map(compiles, headers)) == {""}
