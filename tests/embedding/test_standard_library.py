"""Programs whose standard library differs from cnnx's: those that change nothing run, the others do
not link.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import cnnx
import pytest
from beside import Beside
from cnnx import _core
from cpp_build import needs_a_compiler, run

FOLDER = Path(__file__).parent
PACKAGE = Path(_core.__file__).parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs libstdc++")


def command(source: str, out: Path, *flags: str, compiler: str = "c++") -> list[str | Path]:
    """The command that compiles a program and links it with the library of the package."""
    needs_a_compiler()
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler} on PATH")
    library = PACKAGE / "lib"
    found = ["-I", PACKAGE / "include", "-L", library, f"-Wl,-rpath,{library}"]
    return [compiler, *flags, *found, FOLDER / source, "-o", out, "-lcnnx"]


@pytest.mark.parametrize(
    ("compiler", "flags"),
    [("c++", ["-std=c++20", "-D_GLIBCXX_ASSERTIONS"]), ("clang++", ["-std=c++17"])],
)
def test_checks_a_newer_standard_and_another_compiler_change_nothing(
    compiler: str, flags: list[str], tmp_path: Path
) -> None:
    program, model = tmp_path / "program", tmp_path / "xo.cnnx"
    cnnx.models.small((32, 32, 1), ["X", "O"]).save(model)
    run(command("consumer/main.cpp", program, *flags, compiler=compiler))
    lines = run([program, model, "3", "1"]).splitlines()
    probabilities = cnnx.load(model).predict_proba(cnnx.data.xo(3, seed=1)[0]).max(axis=1)
    assert [float.fromhex(line.split()[1]) for line in lines] == list(probabilities)


@pytest.mark.parametrize(
    ("flag", "missing"),
    [
        ("-D_GLIBCXX_DEBUG", "cnnx::built_with_GLIBCXX_DEBUG"),
        ("-D_GLIBCXX_USE_CXX11_ABI=0", "cnnx::built_with_CXX11_ABI_0"),
    ],
)
@pytest.mark.beside
def test_other_containers_do_not_link(flag: str, missing: str, beside: Beside) -> None:
    finished = subprocess.run(
        command("consumer/main.cpp", beside.make_folder("program") / "p", "-std=c++17", flag),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
    assert missing in finished.stderr


def test_the_c_interface_depends_on_no_standard_library(tmp_path: Path) -> None:
    flags = ["-x", "c++", "-std=c++20", "-D_GLIBCXX_DEBUG", "-D_GLIBCXX_USE_CXX11_ABI=0"]
    run(command("consumer_c/main.c", tmp_path / "program", *flags))
    assert len(run([tmp_path / "program", "xo.cnnx"], cwd=tmp_path).splitlines()) > 40
