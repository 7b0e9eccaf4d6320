"""The wheel: its contents, no trace of the build machine, and independence of other packages.

CNNX_WHEEL names it. `.ci/run wheel` builds one from the source distribution, has auditwheel copy
libraries into it that some Linux systems lack, and runs these tests. cibuildwheel does the same for
each of its wheels.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import cnnx
import pytest
from cpp_build import ROOT, cmake, configure, run
from document_cpp import write_project

if not os.environ.get("CNNX_WHEEL"):
    pytest.skip(
        "CNNX_WHEEL names no wheel; .ci/run wheel builds one and runs these tests",
        allow_module_level=True,
    )
needs_elf = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("readelf") or not shutil.which("nm"),
    reason="needs Linux with readelf and nm",
)

MOST_BYTES = 4_700_000
# The libraries that PEP 600 guarantees on every Linux, as far as cnnx needs them; musl is one.
EVERYWHERE = re.compile(
    r"lib(c|m|pthread)\.so\.6|libpthread\.so\.0|libgcc_s\.so\.1|libstdc\+\+\.so\.6|"
    r"ld-linux-(x86-64|aarch64)\.so\.[12]|libc\.musl-\w+\.so\.1"
)
# Folders that exist only on the build machine, such as home folders.
BUILD_PATH = re.compile(rb"/(home|root|tmp|Users|project|host|builds?)/[\w.+-]+[\w.+/-]*")


@pytest.fixture(scope="module")
def wheel() -> Path:
    return Path(os.environ["CNNX_WHEEL"]).absolute()


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def libraries(folder: Path) -> dict[str, Path]:
    return {name: path for name, path in files(folder).items() if ".so" in Path(name).suffixes}


def dynamic(path: Path, tag: str) -> list[str]:
    """The values of one tag of an ELF file's dynamic section."""
    lines = run(["readelf", "--dynamic", "--wide", path]).splitlines()
    return [line[line.index("[") + 1 : line.rindex("]")] for line in lines if f"({tag})" in line]


def rpaths(path: Path) -> list[str]:
    return [*dynamic(path, "RPATH"), *dynamic(path, "RUNPATH")]


def exported(path: Path) -> list[str]:
    """The demangled names of an ELF file's exported symbols."""
    return demangled(path, "--defined-only", 2)


def demangled(path: Path, which: str, words_before: int) -> list[str]:
    """The names of dynamic symbols, without their versions."""
    lines = run(["nm", "--dynamic", which, "--demangle", path]).splitlines()
    names = [line.split(maxsplit=words_before)[words_before:] for line in lines]
    return [name[0].partition("@")[0] for name in names if name]


def test_it_holds_the_package_the_headers_and_the_library_and_nothing_else(unpacked: Path) -> None:
    package, include = ROOT / "python" / "cnnx", ROOT / "cpp" / "include"
    expected = {
        *(f"cnnx/{name}" for name in files(package) if not name.endswith(".pyc")),
        *(f"cnnx/include/{name}" for name in files(include)),
        *(f"cnnx/lib/cmake/cnnx/cnnxConfig{name}.cmake" for name in ("", "Version")),
    }
    assert {"cnnx/py.typed", "cnnx/_core.pyi", "cnnx/include/cnnx/cnnx.h"} <= expected
    names = set(files(unpacked))
    assert sorted(expected - names) == []
    built = re.compile(
        r"cnnx/lib/cmake/cnnx/cnnx[\w-]+\.cmake|cnnx/lib/pkgconfig/cnnx\.pc|"
        r"cnnx/_core\.[\w.-]+|cnnx/cnnx\.dll|cnnx/lib/(lib)?cnnx\.(so|dylib|lib|wasm)|"
        r"(cnnx/lib|cnnx\.libs|cnnx/\.dylibs)/[\w.-]*(gomp|omp|stdc|gcc|msvcp|vcruntime)[\w.+-]*"
    )
    information = re.compile(r"cnnx-[\w.]+\.dist-info/.+")
    others = {name for name in names - expected if not information.fullmatch(name)}
    assert sorted(name for name in others if not built.fullmatch(name)) == []
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_it_holds_no_symbolic_link(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        modes = {each.filename: each.external_attr >> 16 for each in archive.infolist()}
    assert any(stat.S_ISREG(mode) for mode in modes.values())
    assert [name for name, mode in modes.items() if stat.S_ISLNK(mode)] == []


def test_it_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size <= MOST_BYTES


# What others wrote and a wheel contains, with its licence and the files of its text.
FOREIGN = {
    r"cnnx/lib/libgomp[\w.-]*": (
        "GPL-3.0-or-later WITH GCC-exception-3.1",
        {"GPL-3.0.txt", "GCC-exception-3.1.txt"},
    ),
    r"cnnx/_core\.[\w.-]+": ("BSD-3-Clause", {"pybind11.txt"}),
    r"cnnx/lib/cnnx\.wasm": ("MIT", {"musl.txt", "emscripten.txt"}),
}


@needs_elf
def test_it_holds_the_licence_of_everything_in_it(unpacked: Path) -> None:
    names = files(unpacked)
    (metadata,) = [path for name, path in names.items() if name.endswith(".dist-info/METADATA")]
    expressions, texts = ["Apache-2.0"], {"LICENSE"}
    found = set()
    for pattern, (expression, own_texts) in FOREIGN.items():
        if matching := {name for name in names if re.fullmatch(pattern, name)}:
            found |= matching
            expressions.append(expression)
            texts |= own_texts
    lines = metadata.read_text(encoding="utf-8").splitlines()
    assert f"License-Expression: {' AND '.join(expressions)}" in lines
    assert {line[14:] for line in lines if line.startswith("License-File: ")} == texts
    folder = metadata.parent / "licenses"
    assert {path.name for path in folder.iterdir()} == texts
    assert all(path.stat().st_size > 500 for path in folder.iterdir())
    # Every other compiled file is cnnx's own.
    compiled = {*libraries(unpacked), *(name for name in names if name.endswith(".wasm"))}
    assert compiled - found == {"cnnx/lib/libcnnx.so"}


@needs_elf
def test_it_lists_what_others_wrote(unpacked: Path) -> None:
    names = files(unpacked)
    (path,) = [path for name, path in names.items() if name.endswith("/sboms/cnnx.cdx.json")]
    bill = json.loads(path.read_text(encoding="utf-8"))
    assert bill["metadata"]["component"]["name"] == "cnnx"
    assert bill["metadata"]["component"]["version"] == cnnx.__version__
    parts = {each["name"] for each in bill["components"]}
    assert parts == {"libgomp", "pybind11", "musl", "emscripten"} - (
        set() if "cnnx/lib/cnnx.wasm" in names else {"musl", "emscripten"}
    )


@needs_elf
def test_its_name_says_which_linux_it_runs_on(wheel: Path) -> None:
    platforms = wheel.stem.split("-")[-1].split(".")
    numbers = [re.fullmatch(r"(many|musl)linux_(\d+)_(\d+)_\w+", each) for each in platforms]
    for platform, found in zip(platforms, numbers, strict=True):
        assert found, f"{platform}: the wheel has not been repaired"
        assert found[1] == "musl" or (int(found[2]), int(found[3])) >= (2, 28)


@needs_elf
def test_its_libraries_find_each_other_and_ask_only_for_what_every_linux_has(
    unpacked: Path,
) -> None:
    inside = libraries(unpacked)
    (core,) = [path for name, path in inside.items() if name.startswith("cnnx/_core.")]
    library = inside["cnnx/lib/libcnnx.so"]
    assert rpaths(core) == ["$ORIGIN/lib"]
    assert rpaths(library) in ([], ["$ORIGIN"])
    assert dynamic(library, "SONAME") == ["libcnnx.so"]
    for name, path in inside.items():
        beside = {each.name for each in library.parent.iterdir()} if rpaths(path) else set()
        missing = [
            needed
            for needed in dynamic(path, "NEEDED")
            if needed not in beside and not EVERYWHERE.fullmatch(needed)
        ]
        assert missing == [], name


@needs_elf
def test_there_is_one_copy_of_the_core(unpacked: Path) -> None:
    """The extension calls the library's functions and defines none of them again."""
    inside = libraries(unpacked)
    (core,) = [path for name, path in inside.items() if name.startswith("cnnx/_core.")]
    library = inside["cnnx/lib/libcnnx.so"]
    assert "libcnnx.so" in dynamic(core, "NEEDED")
    assert "PyInit__core" in exported(core)
    assert [name for name in exported(core) if name.startswith("cnnx::")] == []
    ours = {name for name in demangled(core, "--undefined-only", 1) if name.startswith("cnnx::")}
    assert len(ours) > 50
    assert ours <= set(exported(library))
    assert core.stat().st_size < library.stat().st_size / 2


@needs_elf
def test_the_library_exports_its_public_interface_alone(unpacked: Path) -> None:
    internal = "|".join(path.name for path in (ROOT / "cpp" / "src").iterdir() if path.is_dir())
    hidden = re.compile(rf"cnnx::({internal}|baseline|avx2|avx512|neon)::")
    names = exported(unpacked / "cnnx" / "lib" / "libcnnx.so")
    version = f"CNNX_{cnnx.__version__.rpartition('.')[0]}"
    ours = re.compile(rf"((typeinfo|typeinfo name|vtable) for )?cnnx::.+|cnnx_\w+|{version}")
    assert "typeinfo for cnnx::FormatError" in names
    assert [name for name in names if not ours.fullmatch(name)] == []
    # A signature may name an internal type; an exported symbol may not be one.
    assert [name for name in names if hidden.search(name.split("(")[0])] == []


def test_no_file_names_a_folder_of_the_building_machine(unpacked: Path) -> None:
    known = [ROOT, Path(tempfile.gettempdir()), Path.home(), Path(sys.prefix)]
    here = [str(path).encode() + b"/" for path in known if len(path.parts) > 1]
    assert here
    for name, path in files(unpacked).items():
        content = path.read_bytes()
        found = [match.group() for match in BUILD_PATH.finditer(content)]
        found += [folder for folder in here if folder in content]
        assert found == [], name


def test_the_cmake_files_name_no_absolute_path(unpacked: Path) -> None:
    absolute = re.compile(r"""(?<=["'\s;=:<>])(/|[A-Za-z]:[/\\])[^"'\s;]+|-[LI]/\S+""")
    texts = [path for name, path in files(unpacked).items() if name.endswith((".cmake", ".pc"))]
    assert len(texts) >= 4
    for path in texts:
        text = re.sub(r"#[^\n]*", "", path.read_text(encoding="utf-8"))
        assert [match.group() for match in absolute.finditer(text)] == [], path.name
    assert absolute.search('set(x "/usr/lib/libgomp.so")')
    assert absolute.search("Libs: -L/usr/lib -lcnnx")


# In an environment of its own, without a compiler.


class Fresh:
    """A virtual environment in which the wheel has been installed, used from an empty folder."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder / "venv", with_pip=True)
        self.programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()
        self("pip", "install", "--quiet", "--only-binary", ":all:", f"{wheel}[cli]")

    def __call__(self, program: str, *arguments: str) -> str:
        hidden = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        for compiler in ("c++", "g++", "clang++", "cc", "gcc", "clang"):
            assert not shutil.which(compiler, path=str(self.programs)), "nothing would be shown"
        finished = subprocess.run(
            [self.programs / program, *arguments],
            env={**environment, "PATH": str(self.programs)},
            cwd=self.elsewhere,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout[-8000:]
        return finished.stdout

    def python(self, code: str) -> str:
        return self("python", "-c", code)


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    made = Fresh(tmp_path_factory.mktemp("fresh"), wheel)
    made("cnnx", "demo")
    return made


def test_it_trains_predicts_and_saves_without_a_compiler(fresh: Fresh) -> None:
    assert "X" in fresh("cnnx", "predict", "cnnx-demo/xo.cnnx", "cnnx-demo/x-1.png")
    bits = fresh.python(
        "import cnnx\n"
        "x, y = cnnx.data.xo(600, seed=7)\n"
        "trained = cnnx.load('cnnx-demo/xo.cnnx')\n"
        "cnnx.Trainer(trained).fit(x, y, epochs=1)\n"
        "trained.save('again.cnnx')\n"
        "print((cnnx.load('again.cnnx')(x) == trained(x)).all())"
    )
    assert bits.splitlines()[-1] == "True"


@needs_elf
def test_it_includes_its_thread_runtime(fresh: Fresh) -> None:
    """The OpenMP runtime in use is that of the wheel: a bare container has no other."""
    loaded = fresh.python(
        "import cnnx, pathlib\n"
        "assert cnnx.has_openmp()\n"
        "cnnx.set_num_threads(2)\n"
        "x, y = cnnx.data.xo(64)\n"
        "cnnx.Trainer(cnnx.models.small()).fit(x, y, epochs=1)\n"
        "lines = pathlib.Path('/proc/self/maps').read_text().splitlines()\n"
        "print(*sorted({line.split()[5] for line in lines if 'omp' in line}), sep='\\n')"
    ).splitlines()
    runtimes = [Path(path) for path in loaded if re.search(r"lib(g|i)?omp[-.0-9]", path)]
    assert len(runtimes) == 1
    assert fresh.programs.parent in runtimes[0].parents


def test_a_cmake_project_builds_and_runs_with_it(fresh: Fresh, tmp_path: Path) -> None:
    """A foreign program finds the libraries that were copied into the wheel, too."""
    folder = fresh("python", "-m", "cnnx", "--cmake-dir").strip()
    shutil.copytree(ROOT / "tests" / "embedding" / "consumer", tmp_path / "source")
    configure(tmp_path / "source", tmp_path / "build", f"-Dcnnx_DIR={folder}")
    run([cmake(), "--build", tmp_path / "build"])
    program = tmp_path / "build" / "consumer"
    words = [str(program), str(fresh.elsewhere / "cnnx-demo" / "xo.cnnx"), "20", "3"]
    said = [line.split()[0] for line in answer(words).splitlines()]
    expected = fresh.python(
        "import cnnx\n"
        "x, _ = cnnx.data.xo(20, seed=3)\n"
        "print(*cnnx.load('cnnx-demo/xo.cnnx').predict(x), sep='\\n')"
    ).splitlines()
    assert said == expected


def test_an_installed_program_brings_the_libraries_of_the_wheel(
    fresh: Fresh, tmp_path: Path
) -> None:
    """With the lines of docs/cpp.md it finds in its own prefix what was copied into the wheel."""
    consumer = ROOT / "tests" / "embedding" / "consumer" / "main.cpp"
    write_project(tmp_path / "source", "docs/cpp.md", consumer.read_text(encoding="utf-8"))
    folder = fresh("python", "-m", "cnnx", "--cmake-dir").strip()
    configure(tmp_path / "source", tmp_path / "build", f"-Dcnnx_DIR={folder}")
    run([cmake(), "--build", tmp_path / "build"])
    installed = tmp_path / "installed"
    run([cmake(), "--install", tmp_path / "build", "--prefix", installed])
    assert set(libraries(installed / "lib")) == set(libraries(Path(folder).parents[1]))
    program = [str(installed / "bin" / "your_program"), str(fresh.elsewhere / "cnnx-demo/xo.cnnx")]
    assert len(answer([*program, "20", "3"]).splitlines()) == 20


def answer(words: Sequence[str]) -> str:
    """The output of a program that is given no folder of libraries."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
